package cognito

import (
	"context"
	"net/netip"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/pool"
)

// callerOf is who sent a request. metadata is the request's ClientMetadata, or nil.
func callerOf(ctx context.Context, metadata map[string]string) pool.Caller {
	info := wire.Info(ctx)
	c := pool.Caller{Wire: wireName, IP: info.ClientIP, UserAgent: info.UserAgent, Invocation: info.InvocationID, Admin: info.Principal.AccessKeyID}
	if c.Admin == "" { // an administrator's program speaks its own language
		c.Language = info.Language
	}
	c.Metadata, c.Control = wire.SplitMetadata(metadata)
	return c
}

// onBehalfOf is callerOf for sign-ins that a server runs for its users. The address is the user's as the server tells it, and not the
// server's own: all its users would share the limits of one network.
func onBehalfOf(ctx context.Context, metadata map[string]string, d *api.ContextDataType) pool.Caller {
	c := callerOf(ctx, metadata)
	c.IP = netip.Addr{}
	if d != nil {
		if ip, err := netip.ParseAddr(wire.Value(d.IpAddress)); err == nil {
			c.IP = ip.Unmap().WithZone("")
		}
	}
	return c
}

// client is how an app client proves itself by a hash over the name.
func client(id, secretHash *string) pool.ClientAuth {
	return pool.ClientAuth{ClientID: wire.Value(id), SecretHash: secretHash}
}

// optional returns nil for "", so that the member is left out.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// attributesOf reads a list of attributes. An absent value is an empty one.
func attributesOf(list []api.AttributeType) []pool.Attr {
	out := make([]pool.Attr, len(list))
	for i, a := range list {
		out[i] = pool.Attr{Name: wire.Value(a.Name), Value: wire.Value(a.Value)}
	}
	return out
}

func attributes(list []pool.Attr) []api.AttributeType {
	out := make([]api.AttributeType, len(list))
	for i, a := range list {
		out[i] = api.AttributeType{Name: &a.Name, Value: &a.Value}
	}
	return out
}

func deliveryDetails(d *pool.Delivery) *api.CodeDeliveryDetailsType {
	if d == nil {
		return nil
	}
	return &api.CodeDeliveryDetailsType{Destination: &d.Destination, DeliveryMedium: &d.Medium, AttributeName: &d.Attribute}
}
