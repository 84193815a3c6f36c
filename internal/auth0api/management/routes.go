package management

import (
	"context"
	"slices"
)

// route is one call of the API.
type route struct {
	// Method and Path: a segment in braces is a parameter (Request.Param). Path is without Prefix.
	Method, Path string
	// Scopes of which the caller needs any one, on the pool; separated by spaces.
	Scopes string
	Handle func(a *api, ctx context.Context, r *Request) (status int, body any, err error)
	// Note is a remark for the table of docs/management-api.md.
	Note string
}

// routes is the table of the API.
func routes() []route {
	return slices.Concat(hookRoutes(), runRoutes(), actionRoutes(), ruleRoutes(), factorRoutes(), phoneRoutes(), brandingRoutes(), tenantRoutes(),
		documentRoutes(), elsewhereRoutes(), userRoutes(), methodRoutes(), enrollmentRoutes(), clientRoutes(), grantRoutes(), apiRoutes(),
		connectionRoutes(), logRoutes(), statRoutes())
}
