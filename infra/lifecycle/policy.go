package lifecycle

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
)

// conditions are the conditions of a policy statement: operator, key, value.
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

// allow lets the role call the actions. The Sid says why: it is in the template, and comments are not.
func allow(role awsiam.Role, sid string, actions, resources []string, when conditions) {
	role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: str(sid), Actions: strs(actions...), Resources: strs(resources...), Conditions: when.props(),
	}))
}
