package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"countersign/internal/store"
)

// FillFunctions puts a row into each table of functions, artifacts and KMS keys.
func FillFunctions(ctx context.Context, tx store.Tx) error {
	hash := fmt.Sprintf("%064x", 1)
	for _, err := range []error{
		tx.KMS().InsertKMSKey(ctx, &store.KMSKey{ID: "k", Region: "r", Doc: json.RawMessage(`{"a":"ü"}`), Sealed: []byte{0, 255}, DeleteAt: ms(9), CreatedAt: ms(1)}),
		drop(tx.KMS().InsertKMSAlias(ctx, &store.KMSAlias{Region: "r", Name: "alias/a", KeyID: "k"})),
		tx.KMS().InsertKMSGrant(ctx, &store.KMSGrant{ID: "g", KeyID: "k", Retiring: "r", Doc: json.RawMessage(`{}`)}),
		drop(tx.Functions().InsertFunction(ctx, &store.Function{ID: "f", Region: "r", Name: "n", SealedEnv: []byte{7}, Artifact: hash, LastVersion: 1})),
		tx.Functions().InsertFunctionVersion(ctx, &store.FunctionVersion{FunctionID: "f", Number: 1, Artifact: hash}),
		drop(tx.Functions().InsertFunctionAlias(ctx, &store.FunctionAlias{FunctionID: "f", Name: "live", Doc: json.RawMessage(`{}`)})),
		tx.Artifacts().PutArtifactChunk(ctx, hash, 0, make([]byte, store.ChunkSize), ms(0)),
		tx.Artifacts().PutArtifactChunk(ctx, hash, 1, []byte{1}, ms(0)),
		tx.Artifacts().CompleteArtifact(ctx, &store.Artifact{Hash: hash, Size: store.ChunkSize + 1, CreatedAt: ms(1)}),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

func testFunctions(s *suite) {
	want := &store.Function{
		ID: id(1), Region: "r", Name: "b", Doc: json.RawMessage(`{"a":"ü"}`), SealedEnv: []byte{0, 255}, Artifact: "h", LastVersion: 3,
		CreatedAt: ms(0), UpdatedAt: ms(1), Version: 1,
	}
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, f := range []*store.Function{want, {ID: id(2), Region: "r", Name: "a"}, {ID: id(3), Region: "r", Name: "c"}, {ID: id(4), Region: "q", Name: "b"}} {
			ok, err := tx.Functions().InsertFunction(ctx, f)
			s.same("InsertFunction", ok, true)
			if err != nil {
				return err
			}
		}
		ok, err := tx.Functions().InsertFunction(ctx, &store.Function{ID: id(5), Region: "r", Name: "b"})
		s.same("a name that is taken", ok, false)
		return err
	})
	s.write(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Functions().Function(ctx, "r", "b")
		s.same("Function", got, want)
		if err != nil {
			return err
		}
		got, err = tx.Functions().FunctionByID(ctx, want.ID)
		s.same("FunctionByID", got, want)
		if err != nil {
			return err
		}
		s.is("an unknown name", drop(tx.Functions().Function(ctx, "r", "none")), store.ErrNotFound)
		s.is("an unknown id", drop(tx.Functions().FunctionByID(ctx, "none")), store.ErrNotFound)
		list, err := tx.Functions().ListFunctions(ctx, "r", "a", 9)
		s.same("ListFunctions", ids(list, func(f *store.Function) string { return f.Name }), []string{"b", "c"})
		if err != nil {
			return err
		}
		want.Doc, want.SealedEnv, want.Artifact, want.LastVersion, want.UpdatedAt = json.RawMessage(`{}`), nil, "i", 4, ms(6)
		for _, first := range []bool{true, false} {
			ok, err := tx.Functions().UpdateFunction(ctx, want)
			s.same("UpdateFunction", ok, first)
			if err != nil {
				return err
			}
		}
		want.Version = 2
		got, err = tx.Functions().Function(ctx, "r", "b")
		s.same("the updated function", got, want)
		return err
	})
}

func testFunctionVersions(s *suite) {
	want := &store.FunctionVersion{FunctionID: "f", Number: 2, Doc: json.RawMessage(`{"a":1}`), SealedEnv: []byte{1}, Artifact: "h", CreatedAt: ms(0)}
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, v := range []*store.FunctionVersion{want, {FunctionID: "f", Number: 10}, {FunctionID: "f", Number: 1}, {FunctionID: "g", Number: 3}} {
			if err := tx.Functions().InsertFunctionVersion(ctx, v); err != nil {
				return err
			}
		}
		return nil
	})
	s.write(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Functions().FunctionVersion(ctx, "f", 2)
		s.same("FunctionVersion", got, want)
		if err != nil {
			return err
		}
		list, err := tx.Functions().ListFunctionVersions(ctx, "f", 1, 9)
		s.same("ListFunctionVersions", ids(list, func(v *store.FunctionVersion) string { return fmt.Sprint(v.Number) }), []string{"2", "10"})
		if err != nil {
			return err
		}
		for _, first := range []bool{true, false} {
			ok, err := tx.Functions().DeleteFunctionVersion(ctx, "f", 2)
			s.same("DeleteFunctionVersion", ok, first)
			if err != nil {
				return err
			}
		}
		s.is("a deleted version", drop(tx.Functions().FunctionVersion(ctx, "f", 2)), store.ErrNotFound)
		return nil
	})
}

func testFunctionAliases(s *suite) {
	want := &store.FunctionAlias{FunctionID: "f", Name: "b", Doc: json.RawMessage(`{"a":1}`), CreatedAt: ms(0), UpdatedAt: ms(1), Version: 1}
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, a := range []*store.FunctionAlias{want, {FunctionID: "f", Name: "a"}, {FunctionID: "f", Name: "c"}, {FunctionID: "g", Name: "b"}} {
			ok, err := tx.Functions().InsertFunctionAlias(ctx, a)
			s.same("InsertFunctionAlias", ok, true)
			if err != nil {
				return err
			}
		}
		ok, err := tx.Functions().InsertFunctionAlias(ctx, &store.FunctionAlias{FunctionID: "f", Name: "b"})
		s.same("a name that is taken", ok, false)
		return err
	})
	s.write(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Functions().FunctionAlias(ctx, "f", "b")
		s.same("FunctionAlias", got, want)
		if err != nil {
			return err
		}
		list, err := tx.Functions().ListFunctionAliases(ctx, "f", "a", 9)
		s.same("ListFunctionAliases", ids(list, func(a *store.FunctionAlias) string { return a.Name }), []string{"b", "c"})
		if err != nil {
			return err
		}
		want.Doc, want.UpdatedAt = json.RawMessage(`{}`), ms(2)
		for _, first := range []bool{true, false} {
			ok, err := tx.Functions().UpdateFunctionAlias(ctx, want)
			s.same("UpdateFunctionAlias", ok, first)
			if err != nil {
				return err
			}
		}
		want.Version = 2
		got, err = tx.Functions().FunctionAlias(ctx, "f", "b")
		s.same("the updated alias", got, want)
		if err != nil {
			return err
		}
		for _, first := range []bool{true, false} {
			ok, err := tx.Functions().DeleteFunctionAlias(ctx, "f", "b")
			s.same("DeleteFunctionAlias", ok, first)
			if err != nil {
				return err
			}
		}
		s.is("a deleted alias", drop(tx.Functions().FunctionAlias(ctx, "f", "b")), store.ErrNotFound)
		return nil
	})
}

// testDeleteFunction: versions and aliases go with their function, and the name is free again.
func testDeleteFunction(s *suite) {
	s.write(FillFunctions)
	s.write(func(ctx context.Context, tx store.Tx) error {
		if err := tx.Functions().InsertFunctionVersion(ctx, &store.FunctionVersion{FunctionID: "other", Number: 1}); err != nil {
			return err
		}
		for _, first := range []bool{true, false} {
			ok, err := tx.Functions().DeleteFunction(ctx, "f")
			s.same("DeleteFunction", ok, first)
			if err != nil {
				return err
			}
		}
		s.is("the function", drop(tx.Functions().Function(ctx, "r", "n")), store.ErrNotFound)
		s.is("its version", drop(tx.Functions().FunctionVersion(ctx, "f", 1)), store.ErrNotFound)
		s.is("its alias", drop(tx.Functions().FunctionAlias(ctx, "f", "live")), store.ErrNotFound)
		s.is("another function's version", drop(tx.Functions().FunctionVersion(ctx, "other", 1)), nil)
		ok, err := tx.Functions().InsertFunction(ctx, &store.Function{ID: "f2", Region: "r", Name: "n"})
		s.same("InsertFunction of the name again", ok, true)
		return err
	})
}

func testArtifacts(s *suite) {
	want := &store.Artifact{Hash: "h", Size: 5, CreatedAt: ms(3)}
	s.write(func(ctx context.Context, tx store.Tx) error {
		s.is("an artifact without chunks", drop(tx.Artifacts().Artifact(ctx, "h")), store.ErrNotFound)
		for n, part := range []string{"abc", "de"} {
			for range 2 {
				if err := tx.Artifacts().PutArtifactChunk(ctx, "h", n, []byte(part), ms(0)); err != nil {
					return err
				}
				part = "xx"
			}
		}
		s.is("an incomplete artifact", drop(tx.Artifacts().Artifact(ctx, "h")), store.ErrNotFound)
		size, err := tx.Artifacts().ArtifactBytes(ctx)
		s.same("ArtifactBytes of an incomplete one", size, int64(store.ChunkSize+2))
		if err != nil {
			return err
		}
		ok, err := tx.Artifacts().TouchArtifact(ctx, "h", ms(1))
		s.same("TouchArtifact of an incomplete one", ok, false)
		if err != nil {
			return err
		}
		return tx.Artifacts().CompleteArtifact(ctx, &store.Artifact{Hash: "h", Size: 5, CreatedAt: ms(1)})
	})
	s.write(func(ctx context.Context, tx store.Tx) error { return tx.Artifacts().CompleteArtifact(ctx, want) })
	s.read(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Artifacts().Artifact(ctx, "h")
		s.same("Artifact", got, want)
		if err != nil {
			return err
		}
		size, err := tx.Artifacts().ArtifactBytes(ctx)
		s.same("ArtifactBytes", size, int64(5))
		if err != nil {
			return err
		}
		for n, part := range []string{"abc", "de"} {
			got, err := tx.Artifacts().ArtifactChunk(ctx, "h", n)
			s.same("ArtifactChunk", string(got), part)
			if err != nil {
				return err
			}
		}
		s.is("a chunk too far", drop(tx.Artifacts().ArtifactChunk(ctx, "h", 2)), store.ErrNotFound)
		return nil
	})
}

// testSweepArtifacts: what a function or version names stays, what is young stays, the rest goes in steps.
func testSweepArtifacts(s *suite) {
	put := func(ctx context.Context, tx store.Tx, hash string, chunks, at int, complete bool) error {
		for n := range chunks {
			if err := tx.Artifacts().PutArtifactChunk(ctx, hash, n, []byte{1}, ms(at)); err != nil {
				return err
			}
		}
		if !complete {
			return nil
		}
		return tx.Artifacts().CompleteArtifact(ctx, &store.Artifact{Hash: hash, Size: int64(chunks), CreatedAt: ms(at)})
	}
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, err := range []error{
			put(ctx, tx, "function", 2, 0, true), put(ctx, tx, "gone", 5, 0, true), put(ctx, tx, "half", 2, 0, false),
			put(ctx, tx, "version", 2, 0, true), put(ctx, tx, "young", 2, 100, true), put(ctx, tx, "younghalf", 2, 100, false),
			put(ctx, tx, "zero", 0, 0, true),
			drop(tx.Functions().InsertFunction(ctx, &store.Function{ID: "f", Region: "r", Name: "n", Artifact: "function"})),
			tx.Functions().InsertFunctionVersion(ctx, &store.FunctionVersion{FunctionID: "f", Number: 1, Artifact: "version"}),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	sweep := func(at, limit, want int) {
		s.Helper()
		s.write(func(ctx context.Context, tx store.Tx) error {
			n, err := tx.Artifacts().SweepArtifacts(ctx, ms(at), limit)
			s.same(fmt.Sprintf("chunks swept before %d", at), n, want)
			return err
		})
	}
	sweep(0, 10, 0)
	s.write(func(ctx context.Context, tx store.Tx) error {
		if err := put(ctx, tx, "touched", 1, 0, true); err != nil {
			return err
		}
		ok, err := tx.Artifacts().TouchArtifact(ctx, "touched", ms(100))
		s.same("TouchArtifact", ok, true)
		return err
	})
	sweep(50, 3, 3)
	s.read(func(ctx context.Context, tx store.Tx) error {
		s.is("an artifact half swept", drop(tx.Artifacts().Artifact(ctx, "gone")), store.ErrNotFound)
		return nil
	})
	sweep(50, 3, 3)
	sweep(50, 3, 1)
	sweep(50, 3, 0)
	s.read(func(ctx context.Context, tx store.Tx) error {
		for hash, want := range map[string]error{
			"function": nil, "version": nil, "young": nil, "touched": nil, "gone": store.ErrNotFound, "zero": store.ErrNotFound,
		} {
			s.is("artifact "+hash, drop(tx.Artifacts().Artifact(ctx, hash)), want)
		}
		for hash, want := range map[string]error{
			"function": nil, "version": nil, "young": nil, "younghalf": nil, "gone": store.ErrNotFound, "half": store.ErrNotFound,
		} {
			s.is("the last chunk of "+hash, drop(tx.Artifacts().ArtifactChunk(ctx, hash, 1)), want)
		}
		return nil
	})
	s.write(func(ctx context.Context, tx store.Tx) error {
		n, err := tx.Sweep(ctx, ms(101).Add(24*time.Hour), 500)
		s.same("chunks swept by Sweep", n, 5)
		return err
	})
}
