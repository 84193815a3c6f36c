package kms_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"countersign/internal/access"
	facade "countersign/internal/awsapi/kms"
	"countersign/internal/awsapi/wire"
	"countersign/internal/eventlog"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/kms"
	"countersign/internal/store/storetest"
)

// everybody is the owner, without a signature.
type everybody struct{}

func (everybody) Identify(context.Context, *http.Request, []byte, string) (wire.Principal, error) {
	return wire.Principal{Access: access.Principal{ID: owner, Kind: access.AWS, Grants: access.Everything()}, AccessKeyID: owner, Account: account, Region: region}, nil
}

// BenchmarkDecrypt measures the one call that functions make for each code, from request to answer, without the signature.
func BenchmarkDecrypt(b *testing.B) {
	keys := keyringtest.New(b)
	service := kms.New(kms.Config{Store: storetest.SQLite(b), Keyring: keys, Events: eventlog.New(eventlog.Config{Keys: keys}), Account: account})
	mux, err := facade.New(facade.Config{Identifier: everybody{}, Keys: service})
	if err != nil {
		b.Fatal(err)
	}
	c := kms.Caller{Region: region}
	k, err := service.Create(b.Context(), c, kms.NewKey{})
	if err != nil {
		b.Fatal(err)
	}
	ec := map[string]string{"userpool-id": "us-local-1_a", "aws-crypto-public-key": strings.Repeat("A", 68)}
	_, sealed, err := service.GenerateDataKey(b.Context(), c, k.ARN, 32, ec)
	if err != nil {
		b.Fatal(err)
	}
	context, err := json.Marshal(ec)
	if err != nil {
		b.Fatal(err)
	}
	body := fmt.Sprintf(`{"KeyId":%q,"CiphertextBlob":%q,"EncryptionContext":%s}`, k.ARN, base64.StdEncoding.EncodeToString(sealed.Blob), context)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", "TrentService.Decrypt")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 signed")
		w := httptest.NewRecorder()
		if mux.ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatalf("%d %s", w.Code, w.Body)
		}
	}
}
