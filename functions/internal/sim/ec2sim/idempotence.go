package ec2sim

// idempotent is the reply of an action to a client token.
type idempotent struct {
	query fingerprint
	reply reply
}

// once ends the reading of the parameters and acts. If the same request with the same client token was executed before, it returns that reply
// instead. The SDK adds a client token to the actions that have one.
func (a *Account) once(p *params, action string, act func() (reply, *apiError)) (reply, *apiError) {
	token := p.optional("ClientToken")
	if err := p.done(); err != nil {
		return nil, err
	}
	if token == "" {
		return act()
	}
	key, query := action+" "+token, fingerprintOf(p, action)
	if before, ok := a.idempotent[key]; ok {
		if before.query != query {
			return nil, refuse("IdempotentParameterMismatch", "The client token '%s' was used with other parameters", token)
		}
		return before.reply, nil
	}
	out, err := act()
	if err == nil {
		a.idempotent[key] = idempotent{query, out}
	}
	return out, err
}
