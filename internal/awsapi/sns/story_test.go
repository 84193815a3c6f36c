package sns_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/optout"
	"countersign/internal/origination"
	"countersign/internal/sandbox"
	"countersign/internal/smsaccount"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// outbox stands for the worker, and keeps what it was given.
type outbox struct{ drafts []delivery.Draft }

func (o *outbox) Prepare(_ context.Context, d delivery.Draft) (*store.Message, error) {
	o.drafts = append(o.drafts, d)
	now := time.Now()
	return &store.Message{
		ID: store.NewID(now), PoolID: d.PoolID, Lane: d.Lane, Channel: string(d.Channel), State: store.Queued, Sealed: []byte("x"), Number: []byte("n"),
		NextAt: now, ExpiresAt: d.ExpiresAt, CreatedAt: now, UpdatedAt: now, TriggerSource: d.TriggerSource,
	}, nil
}

func (o *outbox) Enqueue(ctx context.Context, tx store.Tx, m *store.Message) error {
	return tx.Outbox().Enqueue(ctx, m)
}

func (o *outbox) Wake(...*store.Message) {}

func (o *outbox) last() delivery.Draft { return o.drafts[len(o.drafts)-1] }

// story is the API over the real domain, as in production.
type story struct {
	*world
	now     time.Time
	outbox  *outbox
	account *smsaccount.Service
	sandbox *sandbox.Service
	origins *origination.Service
}

func newStory(t *testing.T) *story {
	s := &story{now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), outbox: &outbox{}}
	clock := func() time.Time { return s.now }
	db, keys := storetest.SQLite(t), keyringtest.New(t, "p")
	log := eventlog.New(eventlog.Config{Keys: keys, Now: clock})
	pool := func(context.Context) (string, error) { return "p", nil }
	s.origins = origination.New(origination.Config{Store: db, Log: log, Now: clock})
	s.sandbox = sandbox.New(sandbox.Config{Store: db, Keys: keys, Log: log, Deliver: s.outbox, Pool: pool, Now: clock})
	s.account = smsaccount.New(smsaccount.Config{
		Store: db, Keys: keys, Log: log, DefaultPool: pool, Sandbox: s.sandbox, Originations: s.origins, Now: clock,
		OptOuts: optout.New(optout.Config{Store: db, Keys: keys, Log: log, Now: clock}),
		Enqueue: func(ctx context.Context, d delivery.Draft) (string, error) {
			m, err := s.outbox.Prepare(ctx, d)
			return m.ID, err
		},
	})
	s.world = newWorldOver(t, s.account, s.sandbox, s.origins)
	return s
}

func (s *story) later(d time.Duration) { s.now = s.now.Add(d) }

// The way of a new account: a destination number is added, verified, texted to, and taken away.
func TestSandboxStory(t *testing.T) {
	s := newStory(t)
	ctx, c := t.Context(), s.client(owner)
	check(t, s.sandbox.SetEnabled(ctx, true))
	status, err := c.GetSMSSandboxAccountStatus(ctx, &awssns.GetSMSSandboxAccountStatusInput{})
	if err != nil || !status.IsInSandbox {
		t.Fatal(status, err)
	}
	if _, err := c.Publish(ctx, publish("hi", nil)); !as[*types.InvalidParameterException](err) || !strings.Contains(err.Error(), "PhoneNumber Reason: ") {
		t.Errorf("to a number that is not verified: %v", err)
	}
	add := &awssns.CreateSMSSandboxPhoneNumberInput{PhoneNumber: aws.String(alice), LanguageCode: types.LanguageCodeStringEnUs}
	verify := func(code string) error {
		_, err := c.VerifySMSSandboxPhoneNumber(ctx, &awssns.VerifySMSSandboxPhoneNumberInput{PhoneNumber: aws.String(alice), OneTimePassword: &code})
		return err
	}
	if err := verify("123456"); !as[*types.ResourceNotFoundException](err) {
		t.Errorf("a number that nobody added: %v", err)
	}
	_, err = c.CreateSMSSandboxPhoneNumber(ctx, add)
	check(t, err)
	code := s.outbox.last().Code
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	var v *types.VerificationException
	if err := verify(wrong); !errors.As(err, &v) || aws.ToString(v.Status) != "CODE_MISMATCH" {
		t.Errorf("a wrong code: %v", err)
	}
	check(t, verify(code))
	if err := verify(code); !as[*types.VerificationException](err) {
		t.Errorf("once more: %v", err)
	}
	if _, err := c.CreateSMSSandboxPhoneNumber(ctx, add); !as[*types.UserErrorException](err) {
		t.Errorf("added again: %v", err)
	}
	list, err := c.ListSMSSandboxPhoneNumbers(ctx, &awssns.ListSMSSandboxPhoneNumbersInput{})
	want := []types.SMSSandboxPhoneNumber{{PhoneNumber: aws.String(alice), Status: types.SMSSandboxPhoneNumberVerificationStatusVerified}}
	if err != nil || !reflect.DeepEqual(list.PhoneNumbers, want) {
		t.Errorf("%+v, %v", list, err)
	}
	s.remove(c)
}

// remove takes the number away, which is to be done a day later.
func (s *story) remove(c *awssns.Client) {
	remove := func() error {
		_, err := c.DeleteSMSSandboxPhoneNumber(s.t.Context(), &awssns.DeleteSMSSandboxPhoneNumberInput{PhoneNumber: aws.String(alice)})
		return err
	}
	if err := remove(); !as[*types.UserErrorException](err) {
		s.t.Errorf("removed at once: %v", err)
	}
	s.later(25 * time.Hour)
	check(s.t, remove())
	if err := remove(); !as[*types.ResourceNotFoundException](err) {
		s.t.Errorf("removed twice: %v", err)
	}
}

// Five codes in a day are enough.
func TestSandboxCodesAreFew(t *testing.T) {
	s := newStory(t)
	c := s.client(owner)
	for i := range 6 {
		_, err := c.CreateSMSSandboxPhoneNumber(t.Context(), &awssns.CreateSMSSandboxPhoneNumberInput{PhoneNumber: aws.String(alice)})
		if as[*types.UserErrorException](err) != (i == 5) || i < 5 && err != nil {
			t.Errorf("code %d: %v", i+1, err)
		}
		s.later(time.Minute)
	}
	if len(s.outbox.drafts) != 5 {
		t.Errorf("%d codes", len(s.outbox.drafts))
	}
}

// A sender ID where the country takes one, and the account's attributes.
func TestPublishStory(t *testing.T) {
	s := newStory(t)
	ctx, c := t.Context(), s.client(owner)
	german := func(sender string) *awssns.PublishInput {
		in := publish("Hallo", map[string]types.MessageAttributeValue{"AWS.SNS.SMS.SenderID": text("String", sender)})
		in.PhoneNumber = aws.String("+4915112345678")
		return in
	}
	out, err := c.Publish(ctx, german("Example"))
	if err != nil || aws.ToString(out.MessageId) == "" {
		t.Fatal(out, err)
	}
	if d := s.outbox.last(); d.From != "Example" || d.Text != "Hallo" || d.PoolID != "p" || d.TriggerSource != smsaccount.TriggerSource {
		t.Errorf("%+v", d)
	}
	_, err = c.Publish(ctx, german("much too long"))
	if !as[*types.InvalidParameterException](err) || !strings.Contains(err.Error(), "AWS.SNS.SMS.SenderID Reason") {
		t.Error(err)
	}
	if _, err := c.Publish(ctx, publish("hi", nil)); !as[*types.InvalidParameterException](err) || !strings.Contains(err.Error(), "PhoneNumber Reason") {
		t.Errorf("to the United States without a number: %v", err)
	}
	set := map[string]string{"DefaultSMSType": "Transactional", "DefaultSenderID": "Mine"}
	_, err = c.SetSMSAttributes(ctx, &awssns.SetSMSAttributesInput{Attributes: set})
	check(t, err)
	got, err := c.GetSMSAttributes(ctx, &awssns.GetSMSAttributesInput{Attributes: []string{"DefaultSMSType", "DefaultSenderID"}})
	if err != nil || !reflect.DeepEqual(got.Attributes, set) {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = c.SetSMSAttributes(ctx, &awssns.SetSMSAttributesInput{Attributes: map[string]string{"DefaultSMSType": "Loud"}})
	if !as[*types.InvalidParameterException](err) || !strings.Contains(err.Error(), "Invalid parameter: DefaultSMSType Reason: ") {
		t.Error(err)
	}
}

// Who opted out is texted nothing, is listed, and opted in once in thirty days.
func TestOptOutStory(t *testing.T) {
	s := newStory(t)
	ctx, c := t.Context(), s.client(owner)
	const bob = "+4915112345678"
	send := func() error {
		in := publish("hi", nil)
		in.PhoneNumber = aws.String(bob)
		_, err := c.Publish(ctx, in)
		return err
	}
	out := func() {
		_, err := s.account.OptOut(ctx, smsaccount.DefaultList, number(t, bob))
		check(t, err)
	}
	optIn := func() error {
		_, err := c.OptInPhoneNumber(ctx, &awssns.OptInPhoneNumberInput{PhoneNumber: aws.String(bob)})
		return err
	}
	check(t, send())
	check(t, optIn()) // nothing to do
	out()
	if err := send(); !as[*types.InvalidParameterException](err) || !strings.Contains(err.Error(), "opted out") {
		t.Error(err)
	}
	asked, err := c.CheckIfPhoneNumberIsOptedOut(ctx, &awssns.CheckIfPhoneNumberIsOptedOutInput{PhoneNumber: aws.String(bob)})
	if err != nil || !asked.IsOptedOut {
		t.Error(asked, err)
	}
	list, err := c.ListPhoneNumbersOptedOut(ctx, &awssns.ListPhoneNumbersOptedOutInput{})
	if err != nil || !reflect.DeepEqual(list.PhoneNumbers, []string{bob}) {
		t.Error(list, err)
	}
	check(t, optIn())
	check(t, send())
	out()
	if err := optIn(); !as[*types.InvalidParameterException](err) || !strings.Contains(err.Error(), "phoneNumber Reason: ") {
		t.Errorf("twice in thirty days: %v", err)
	}
	s.later(31 * 24 * time.Hour)
	check(t, optIn())
}

// Numbers are listed, sender IDs are not.
func TestOriginationStory(t *testing.T) {
	s := newStory(t)
	ctx := t.Context()
	_, err := s.origins.Add(ctx, origination.Identity{
		Kind: origination.Number, Value: "+18005550100", Country: "US", Type: origination.TollFree, Capabilities: []string{origination.SMS, origination.Voice},
	})
	check(t, err)
	_, err = s.origins.Request(ctx, origination.Order{Kind: origination.SenderID, Country: "DE", Value: "Example"})
	check(t, err)
	out, err := s.client(owner).ListOriginationNumbers(ctx, &awssns.ListOriginationNumbersInput{})
	if err != nil || len(out.PhoneNumbers) != 1 || *out.PhoneNumbers[0].PhoneNumber != "+18005550100" || *out.PhoneNumbers[0].Iso2CountryCode != "US" ||
		out.PhoneNumbers[0].CreatedAt.IsZero() {
		t.Errorf("%+v, %v", out, err)
	}
}
