package hook

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"countersign/internal/fault"
	"countersign/internal/module"
)

// begin marks the draft of an edit as one whose build begins with the commit.
func begin(e *edit, confirm bool, now time.Time) {
	d := e.doc
	d.Status, d.Errors, d.Changes, d.Build, d.BuildBegan, d.Confirm = Pending, nil, nil, uuid.NewString(), now, confirm
	e.row.Artifact = ""
}

// finish builds a draft that was committed as pending, and waits a moment for it. free gives the place in the queue back.
func (s *Service) finish(ctx context.Context, e *edit, free func()) {
	poolID, id, doc := e.row.PoolID, e.row.ID, *e.doc
	trigger := e.row.Trigger
	done := make(chan struct{})
	s.builds.background.Go(func() {
		defer close(done)
		defer free()
		ctx, cancel := context.WithTimeout(s.builds.ctx, longBuild)
		defer cancel()
		b, err := s.buildAndKeep(ctx, kindOf(trigger), &doc.code, Save{Confirm: doc.Confirm})
		s.settle(poolID, id, doc.Build, b, err)
	})
	quick := time.NewTimer(quickBuild)
	defer quick.Stop()
	select {
	case <-done:
	case <-quick.C:
	case <-ctx.Done():
	}
}

// errOutdated: the draft was changed or deleted while it was built.
var errOutdated = errors.New("hook: another draft came")

// settle writes what came of a build, if the draft is still the one that was built.
func (s *Service) settle(poolID, id, build string, b *module.Build, failed error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err := s.change(ctx, poolID, kindAction, id, func(_ context.Context, e *edit) error {
		d := e.doc
		if d.Build != build {
			return errOutdated
		}
		d.BuildBegan = time.Time{}
		if failed != nil && s.builds.ctx.Err() != nil {
			return nil // cut off by the end of the service: whoever looks at the draft next has it built anew
		}
		d.Build, d.Confirm = "", false
		deploy := d.Deploy
		d.Deploy = false
		if failed != nil {
			d.Status, d.Errors = Failed, []BuildError{buildError(failed)}
			return nil
		}
		d.Status, e.row.Artifact = Ready, b.Hash
		d.Changes = d.take(kindOf(e.row.Trigger), b, s.now()).Changes
		if deploy {
			_, err := s.deploy(e, &d.code, e.row.Sealed, e.row.Artifact)
			return err
		}
		return nil
	})
	if err != nil && !errors.Is(err, errOutdated) && fault.CodeOf(err) != fault.ResourceNotFound {
		s.c.Log.Error("what came of a build was lost", "action", id, "error", err)
	}
}

// buildError is a failed build for people.
func buildError(err error) BuildError {
	f := fault.Of(err)
	if f.Public == "" {
		return BuildError{ID: string(f.Code), Msg: "The action could not be built."}
	}
	return BuildError{ID: string(f.Code), Msg: f.Public}
}

// cutOff reports whether the build of a draft was cut off with its node.
func (s *Service) cutOff(d *document) bool {
	return d.Status == Pending && s.now().Sub(d.BuildBegan) > longBuild+time.Minute
}

// revive begins a build anew that was cut off.
func (s *Service) revive(ctx context.Context, poolID, id string) error {
	free, err := s.builds.reserve()
	if err != nil {
		return err
	}
	e, err := s.change(ctx, poolID, kindAction, id, func(_ context.Context, e *edit) error {
		if !s.cutOff(e.doc) {
			return errOutdated // another one was quicker
		}
		begin(e, e.doc.Confirm, s.now())
		return nil
	})
	if err != nil {
		free()
		return err
	}
	s.finish(ctx, e, free)
	return nil
}
