package lifecycle

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
)

// conditions are a policy statement's: operator, key, value.
type conditions map[string]map[string]any

func (c conditions) props() *map[string]any {
	if c == nil {
		return nil
	}
	out := map[string]any{}
	for operator, keys := range c {
		out[operator] = keys
	}
	return &out
}

// allow lets the role do the actions. The Sid says what for, in the template, where comments do not reach.
func allow(role awsiam.Role, sid string, actions, resources []string, when conditions) {
	role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: str(sid), Actions: strs(actions...), Resources: strs(resources...), Conditions: when.props(),
	}))
}
