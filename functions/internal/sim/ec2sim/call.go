package ec2sim

import (
	"context"
	"fmt"
	"time"
)

// action executes one request while the account is locked. It reads the parameters, calls done on them, and only then changes the account. The
// reply must not share memory with the account.
type action func(a *Account, p *params, now time.Time) (reply, *apiError)

var actions = map[string]action{
	"DescribeInstances": (*Account).describeInstances,
	"DescribeVolumes":   (*Account).describeVolumes,
	"DescribeSnapshots": (*Account).describeSnapshots,
	"DescribeTags":      (*Account).describeTags,
	"CreateSnapshot":    (*Account).createSnapshot,
	"CreateSnapshots":   (*Account).createSnapshots,
	"DeleteSnapshot":    (*Account).deleteSnapshot,

	// Only for setting up an account through the API:
	"RunInstances":       (*Account).runInstances,
	"StopInstances":      (*Account).stopInstances,
	"TerminateInstances": (*Account).terminateInstances,
	"CreateVolume":       (*Account).createVolume,
	"AttachVolume":       (*Account).attachVolume,
	"DetachVolume":       (*Account).detachVolume,
	"DeleteVolume":       (*Account).deleteVolume,
	"CreateTags":         (*Account).createTags,
	"DeleteTags":         (*Account).deleteTags,
	"RegisterImage":      (*Account).registerImage,
	"DeregisterImage":    (*Account).deregisterImage,
}

// call applies latency, faults and the token bucket to a request, and executes its action.
func (a *Account) call(ctx context.Context, req Request) (answer, error) {
	if err := ctx.Err(); err != nil {
		return answer{}, err
	}
	there := a.cfg.Latency / 2
	if err := a.sleep(ctx, there); err != nil {
		return answer{}, err
	}
	req.At = a.now()
	fault := a.matchFault(req)
	if fault.Before {
		a.note(req, OutcomeCut, true)
		return answer{}, firstError(a.sleep(ctx, fault.Delay), errCut)
	}
	ans := a.act(req, fault)
	if err := a.sleep(ctx, a.cfg.Latency-there+fault.Delay); err != nil {
		return answer{}, err
	}
	if fault.After {
		return answer{}, errCut
	}
	return ans, nil
}

// act does what EC2 does with a request, at one moment.
func (a *Account) act(req Request, fault *armedFault) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	id := a.journal.nextRequestID()
	if !a.takeToken(req, now) {
		fault.rearm()
		err := refuse("RequestLimitExceeded", "Request limit exceeded.")
		a.journal.add(req, err.Code, false)
		return errorAnswer(id, err)
	}
	if fault.Code != "" {
		a.journal.add(req, fault.Code, true)
		return errorAnswer(id, fault.apiError())
	}
	rep, err := a.perform(req, now)
	switch {
	case fault.After:
		a.journal.add(req, OutcomeLost, true)
	case fault.Garbage != "":
		a.journal.add(req, OutcomeGarbage, true)
		return fault.instead()
	case err != nil:
		a.journal.add(req, err.Code, false)
	default:
		a.journal.add(req, "", false)
	}
	if err != nil {
		return errorAnswer(id, err)
	}
	return goodAnswer(req.Action, id, rep)
}

func (a *Account) perform(req Request, now time.Time) (reply, *apiError) {
	do, ok := actions[req.Action]
	if !ok {
		return nil, refuse("InvalidAction", "The action %s is not valid for this web service (ec2sim does not model it)", req.Action)
	}
	if err := a.authorize(req); err != nil {
		return nil, err
	}
	return do(a, parseParams(req.Params), now)
}

func (a *Account) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 || a.cfg.Sleep == nil {
		return nil
	}
	if err := a.cfg.Sleep(ctx, d); err != nil {
		return fmt.Errorf("waiting for the answer: %w", err)
	}
	return ctx.Err()
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
