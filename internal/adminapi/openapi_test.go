package adminapi

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// Every operation, those of delivery included, can be described.
func TestDescribed(t *testing.T) {
	h := Handler(Options{Delivery: &Delivery{}, Guards: &Guards{}, Numbers: &Numbers{}, Configuration: &Configuration{}})
	for _, path := range []string{"/openapi.json", "/openapi.yaml"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", Prefix+path, nil))
		if w.Code != http.StatusOK || w.Body.Len() < 10000 {
			t.Errorf("%s: %d, %d bytes", path, w.Code, w.Body.Len())
		}
	}
}
