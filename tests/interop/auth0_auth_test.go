package interop

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// page opens an address (form is nil) or sends a form to it, and returns the page and its status.
func page(t *testing.T, address string, form url.Values) (int, string) {
	t.Helper()
	method, body := http.MethodGet, ""
	if form != nil {
		method, body = http.MethodPost, form.Encode()
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	check(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(r)
	check(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	check(t, err)
	return res.StatusCode, string(b)
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`)

// hidden are the fields that a page's form sends back.
func hidden(page string) url.Values {
	out := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(page, -1) {
		out.Set(m[1], html.UnescapeString(m[2]))
	}
	return out
}

// TestEnrolmentTicket: a link of the Management API enrols a phone, once; from then on sign-ins ask for its code.
func TestEnrolmentTicket(t *testing.T) {
	api := management(t, srv)
	email, number := newEmail(), newPhone()
	made, err := admin().AdminCreateUser(t.Context(), &cip.AdminCreateUserInput{
		UserPoolId: aws.String(devPool), Username: aws.String(email), MessageAction: types.MessageActionTypeSuppress,
		UserAttributes: []types.AttributeType{attribute("email", email), attribute("email_verified", "true")},
	})
	check(t, err)
	_, err = admin().AdminSetUserPassword(t.Context(), &cip.AdminSetUserPasswordInput{
		UserPoolId: aws.String(devPool), Username: aws.String(email), Password: aws.String(password), Permanent: true,
	})
	check(t, err)
	user := "auth0|" + value(made.User.Attributes, "sub")
	link := api.call("POST", "/api/v2/guardian/enrollments/ticket", map[string]any{"user_id": user}, 200).text("ticket_url")
	action := srv.URL + "/mfa/ticket"
	if !strings.HasPrefix(link, action+"?ticket=") {
		t.Fatalf("the link is %s", link)
	}

	code, p := page(t, link, nil)
	form := hidden(p)
	if code != 200 || form.Get("ticket") == "" {
		t.Fatalf("%d %s", code, p)
	}
	form.Set("phone", "12")
	form.Set("channel", "sms")
	if code, p = page(t, action, form); code != 400 || !strings.Contains(p, "cannot be used") {
		t.Errorf("a bad number: %d %s", code, p)
	}
	form.Set("phone", number[:2]+" "+number[2:5]+" "+number[5:])
	code, p = page(t, action, form)
	if form = hidden(p); code != 200 || form.Get("oob_code") == "" {
		t.Fatalf("%d %s", code, p)
	}
	right := nextCode(t, number)
	form.Set("code", wrong(right))
	if code, p = page(t, action, form); code != 403 || !strings.Contains(p, "not the code") {
		t.Errorf("a wrong code: %d %s", code, p)
	}
	form.Set("code", right)
	if code, p = page(t, action, form); code != 200 || !strings.Contains(p, "Your phone was added") {
		t.Fatalf("%d %s", code, p)
	}
	if code, p = page(t, action, form); code != 410 {
		t.Errorf("the link works again: %d %s", code, p)
	}

	anybody := &auth0{t: t, base: srv.URL}
	owed := anybody.call("POST", "/oauth/token", map[string]any{"grant_type": "password", "client_id": devClient, "username": email, "password": password}, 403)
	if owed.text("error") != "mfa_required" || owed.text("mfa_requirements.challenge.0.type") != "phone" {
		t.Error(owed.Raw)
	}
}
