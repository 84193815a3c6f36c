package npm

import (
	"os"
	"testing"
	"time"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/module"
)

func TestReal(t *testing.T) {
	b := newBuilder(t, sandbox.Full, nil)
	for _, s := range []*module.Source{
		{Code: `const AWS = require('aws-sdk')`, Dependencies: map[string]string{"aws-sdk": "2.1693.0"}},
		{Code: `const AWS = require('aws-sdk/clients/sns')`, Dependencies: map[string]string{"aws-sdk": "2.1693.0"}},
		{Code: `const AWS = require('twilio')`, Dependencies: map[string]string{"twilio": "5.3.0"}},
		{Code: `const AWS = require('axios')`, Dependencies: map[string]string{"axios": "1.7.0"}},
		{Code: `const AWS = require('nexmo')`, Dependencies: map[string]string{"nexmo": "2.9.1"}},
		{Code: `const AWS = require('@aws-sdk/client-sns')`, Dependencies: map[string]string{"@aws-sdk/client-sns": "3.600.0"}},
		{Code: `const AWS = require('@vonage/server-sdk')`, Dependencies: map[string]string{"@vonage/server-sdk": "3.10.0"}},
		{Code: `const AWS = require('express')`, Dependencies: map[string]string{"express": "4.18.0", "lodash": "4.17.21", "request": "2.88.2", "moment": "2.29.4", "uuid": "9.0.0", "node-fetch": "2.6.7"}},
	} {
		t0 := time.Now()

		s.AllowYoung = true
		last := t0
		out, err := b.Build(t.Context(), s, func(x string) { t.Log(time.Since(last), "until", x); last = time.Now() })
		if err != nil {
			t.Fatal(err)
		}
		t.Log(time.Since(last))
		t1 := time.Now()
		for range 5 {
			tt := time.Now()
			build(t, b, &module.Source{Code: s.Code + ";", Dependencies: s.Dependencies, Lock: out.Lock})
			t.Log(time.Since(tt))
		}
		t1 = t1.Add(time.Since(t1))
		build(t, b, &module.Source{Code: s.Code + ";", Dependencies: s.Dependencies, Lock: out.Lock})
		t.Logf("%s %d modules, zip %d, bundled %v, cjs %d, %v, again %v", s.Code, len(out.Modules), len(out.Artifact), out.Bundled, len(unzip(t, out.Artifact)["modules.cjs"]), t1.Sub(t0), time.Since(t1))
		name := out.Modules[0].Name
		_ = name
		os.WriteFile("/tmp/npmx/"+out.Hash[:6]+".cjs", []byte(unzip(t, out.Artifact)["modules.cjs"]), 0o644)
		t.Log(out.Hash[:6], load(t, out.Artifact, `const t=Date.now(); for (const k of Object.keys(m)) m[k](); console.log(Object.keys(m), Date.now()-t)`))
	}
}
