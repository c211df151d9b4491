package ec2sim

// idempotent remembers what an action answered to a client token.
type idempotent struct {
	query fingerprint
	reply reply
}

// once ends the reading of the parameters and acts, unless the same request with the same client token was carried out
// before: then it gives that reply again. The SDK sends a client token by itself with the actions that take one.
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
