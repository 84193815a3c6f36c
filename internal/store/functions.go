package store

import (
	"context"
	"encoding/json"
	"time"
)

// Function is a function ($LATEST of it): code that a pool's triggers call.
type Function struct {
	// ID is a UUIDv7 and never used again; Region and Name are unique together.
	ID, Region, Name string
	// Doc is what package function keeps in clear: configuration and resource policies. It holds no secret.
	Doc json.RawMessage
	// SealedEnv is the environment, sealed; empty if there is none.
	SealedEnv []byte
	// Artifact is the hash of the package.
	Artifact string
	// LastVersion is the number of the last published version, 0 if there is none. Numbers are never used again.
	LastVersion          int64
	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// FunctionVersion is a published version; it never changes.
type FunctionVersion struct {
	FunctionID string
	Number     int64
	Doc        json.RawMessage
	SealedEnv  []byte
	Artifact   string
	CreatedAt  time.Time
}

// FunctionAlias names a version.
type FunctionAlias struct {
	FunctionID, Name     string
	Doc                  json.RawMessage
	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// Functions reads and writes functions, their versions and aliases.
type Functions interface {
	// InsertFunction reports false if the name is taken in its region.
	InsertFunction(ctx context.Context, f *Function) (bool, error)
	// Function returns ErrNotFound for unknown names.
	Function(ctx context.Context, region, name string) (*Function, error)
	// FunctionByID returns ErrNotFound for unknown ids.
	FunctionByID(ctx context.Context, id string) (*Function, error)
	// ListFunctions returns up to limit functions of a region with name > after, by name.
	ListFunctions(ctx context.Context, region, after string, limit int) ([]*Function, error)
	// UpdateFunction writes Doc, SealedEnv, Artifact, LastVersion and UpdatedAt where Version matches, adds one to Version, and reports
	// whether it did.
	UpdateFunction(ctx context.Context, f *Function) (bool, error)
	// DeleteFunction deletes a function with its versions and aliases.
	DeleteFunction(ctx context.Context, id string) (bool, error)

	InsertFunctionVersion(ctx context.Context, v *FunctionVersion) error
	// FunctionVersion returns ErrNotFound for unknown numbers.
	FunctionVersion(ctx context.Context, functionID string, number int64) (*FunctionVersion, error)
	// ListFunctionVersions returns up to limit versions with number > after, by number.
	ListFunctionVersions(ctx context.Context, functionID string, after int64, limit int) ([]*FunctionVersion, error)
	DeleteFunctionVersion(ctx context.Context, functionID string, number int64) (bool, error)

	// InsertFunctionAlias reports false if the name is taken.
	InsertFunctionAlias(ctx context.Context, a *FunctionAlias) (bool, error)
	// FunctionAlias returns ErrNotFound for unknown names.
	FunctionAlias(ctx context.Context, functionID, name string) (*FunctionAlias, error)
	// UpdateFunctionAlias writes Doc and UpdatedAt where Version matches, adds one to Version, and reports whether it did.
	UpdateFunctionAlias(ctx context.Context, a *FunctionAlias) (bool, error)
	// ListFunctionAliases returns up to limit aliases with name > after, by name.
	ListFunctionAliases(ctx context.Context, functionID, after string, limit int) ([]*FunctionAlias, error)
	DeleteFunctionAlias(ctx context.Context, functionID, name string) (bool, error)
}

// ChunkSize is the size of an artifact's chunks in bytes, but for the last one.
const ChunkSize = 1 << 20

// Artifact is a package of code, named by what it holds.
type Artifact struct {
	// Hash is the SHA-256 in lower case hex, Size the length in bytes.
	Hash      string
	Size      int64
	CreatedAt time.Time
}

// Artifacts keeps packages in chunks. Chunks are written one by one, each in a transaction of its own, before CompleteArtifact makes the artifact
// visible: a large package must not hold up the commits of sign-ins.
type Artifacts interface {
	// PutArtifactChunk writes chunk n, from 0. Writing it again changes nothing but the time at which the artifact was last written.
	PutArtifactChunk(ctx context.Context, hash string, n int, data []byte, at time.Time) error
	// CompleteArtifact makes the artifact visible, or sets CreatedAt anew if it is there already. CreatedAt is the time at which it was
	// last written.
	CompleteArtifact(ctx context.Context, a *Artifact) error
	// Artifact returns ErrNotFound for unknown and incomplete artifacts.
	Artifact(ctx context.Context, hash string) (*Artifact, error)
	// TouchArtifact sets the time at which a visible artifact was last written, so that no sweep takes it before somebody names it, and
	// reports whether there is one.
	TouchArtifact(ctx context.Context, hash string, at time.Time) (bool, error)
	// ArtifactBytes returns the sum of the sizes of all artifacts; of those that are not complete, what is there so far.
	ArtifactBytes(ctx context.Context) (int64, error)
	// ArtifactChunk returns ErrNotFound for unknown chunks.
	ArtifactChunk(ctx context.Context, hash string, n int) ([]byte, error)
	// SweepArtifacts deletes up to limit chunks of artifacts, complete or not, that no function and no version names and that were last
	// written before the given time, and returns how many. An artifact is invisible once its first chunk is gone.
	SweepArtifacts(ctx context.Context, before time.Time, limit int) (int, error)
}
