package storetest

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"countersign/internal/store"
)

var errTest = errors.New("an error of the test")

func testWrite(s *suite) {
	s.write(func(ctx context.Context, tx store.Tx) error { return tx.Users().InsertUser(ctx, newUser(1)) })
	err := s.Store.Write(s.Context(), func(tx store.Tx) error {
		if err := tx.Users().InsertUser(s.Context(), newUser(2)); err != nil {
			return err
		}
		if _, err := tx.Users().User(s.Context(), "p", "u0002"); err != nil {
			s.Errorf("a transaction does not see what it wrote: %v", err)
		}
		return errTest
	})
	s.is("Write", err, errTest)
	s.same("users", s.countUsers(), 1)
	s.is("an empty Write", s.Store.Write(s.Context(), func(store.Tx) error { return nil }), nil)
	s.is("Ping", s.Store.Ping(s.Context()), nil)
}

func testKeep(s *suite) {
	err := s.Store.Write(s.Context(), func(tx store.Tx) error {
		if err := tx.Users().InsertUser(s.Context(), newUser(1)); err != nil {
			return err
		}
		return store.Keep(errTest)
	})
	if err != errTest {
		s.Errorf("Write returned %#v, want the error inside Keep", err)
	}
	s.same("users", s.countUsers(), 1)
}

func testPanic(s *suite) {
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			errs[i] = s.Store.Write(s.Context(), func(tx store.Tx) error {
				if err := tx.Users().InsertUser(s.Context(), newUser(i)); err != nil {
					return err
				}
				if i == 3 {
					panic("out of order")
				}
				return nil
			})
		})
	}
	wg.Wait()
	for i, err := range errs {
		if i == 3 && (err == nil || !strings.Contains(err.Error(), "out of order")) {
			s.Errorf("the panic came back as %v", err)
		}
		if i != 3 && err != nil {
			s.Errorf("function %d: %v", i, err)
		}
	}
	s.same("users", s.countUsers(), 7)
}

func testGoexit(s *suite) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s.Store.Write(s.Context(), func(tx store.Tx) error {
				if err := tx.Users().InsertUser(s.Context(), newUser(i)); err != nil {
					return err
				}
				if i == 3 {
					runtime.Goexit()
				}
				return nil
			})
		})
	}
	wg.Wait()
	s.same("users", s.countUsers(), 7)
	s.write(func(ctx context.Context, tx store.Tx) error { return tx.Users().InsertUser(ctx, newUser(3)) })
}

// testGroup lets a first function hold the writer until 16 others wait, so that SQLite takes them as one group.
func testGroup(s *suite) {
	hold, held := make(chan struct{}), make(chan struct{})
	var once sync.Once
	go s.Store.Write(s.Context(), func(store.Tx) error {
		once.Do(func() { close(held) })
		<-hold
		return nil
	})
	<-held
	var wg sync.WaitGroup
	errs := make([]error, 16)
	var begun atomic.Int32
	for i := range errs {
		wg.Go(func() {
			if begun.Add(1) == 16 {
				close(hold)
			}
			errs[i] = s.Store.Write(s.Context(), func(tx store.Tx) error {
				if err := tx.Users().InsertUser(s.Context(), newUser(i)); err != nil {
					return err
				}
				switch {
				case i%4 == 1:
					return errTest
				case i%4 == 2:
					return store.Keep(errTest)
				}
				return nil
			})
		})
	}
	wg.Wait()
	for i, err := range errs {
		if want := i%4 == 1 || i%4 == 2; (err == errTest) != want {
			s.Errorf("function %d returned %v", i, err)
		}
		s.read(func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Users().User(ctx, "p", newUser(i).ID)
			if (err == nil) != (i%4 != 1) {
				s.Errorf("user %d: %v", i, err)
			}
			return nil
		})
	}
}

// testCancel ends the context of one of 16 functions while it runs: the answer of the store decides, and the other 15 are
// not touched.
func testCancel(s *suite) {
	var wg sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(s.Context())
			defer cancel()
			errs[i] = s.Store.Write(ctx, func(tx store.Tx) error {
				if i == 7 {
					cancel()
				}
				if err := tx.Users().InsertUser(ctx, newUser(i)); err != nil {
					return err
				}
				if i == 7 {
					return errTest
				}
				return nil
			})
		})
	}
	wg.Wait()
	for i, err := range errs {
		if i == 7 {
			s.is("the cancelled function", err, errTest)
		} else {
			s.is("another function", err, nil)
		}
	}
	s.same("users", s.countUsers(), 15)
	ctx, cancel := context.WithCancel(s.Context())
	err := s.Store.Write(ctx, func(tx store.Tx) error {
		cancel()
		return tx.Users().InsertUser(ctx, newUser(7))
	})
	s.is("a function that was started commits", err, nil)
	s.same("users", s.countUsers(), 16)
}

func testEndedContext(s *suite) {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	err := s.Store.Write(ctx, func(store.Tx) error {
		s.Error("a function was started on an ended context")
		return nil
	})
	s.is("Write", err, context.Canceled)
}

func testOutside(s *suite) {
	var leaked store.Tx
	s.write(func(_ context.Context, tx store.Tx) error {
		leaked = tx
		return nil
	})
	if err := leaked.Users().InsertUser(s.Context(), newUser(1)); err == nil {
		s.Error("a transaction can be used after its end")
	}
}

func testClose(s *suite) {
	started := make(chan struct{})
	var once sync.Once
	result := make(chan error)
	go func() {
		result <- s.Store.Write(s.Context(), func(tx store.Tx) error {
			once.Do(func() { close(started) })
			return tx.Users().InsertUser(s.Context(), newUser(1))
		})
	}()
	<-started
	s.is("Close", s.Store.Close(), nil)
	s.is("what had begun", <-result, nil)
	s.is("Write after Close", s.Store.Write(s.Context(), func(store.Tx) error { return nil }), store.ErrClosed)
	s.is("Read after Close", s.Store.Read(s.Context(), func(store.Tx) error { return nil }), store.ErrClosed)
	s.is("a second Close", s.Store.Close(), nil)
}

// testSwallowed inserts one row twice, which is an error of the caller, and goes on as if nothing were.
func testSwallowed(s *suite) {
	err := s.Store.Write(s.Context(), func(tx store.Tx) error {
		if err := tx.Users().InsertUser(s.Context(), newUser(1)); err != nil {
			return err
		}
		_ = tx.Users().InsertUser(s.Context(), newUser(1))
		_, _ = tx.Users().User(s.Context(), "p", "u0001")
		return nil
	})
	if err == nil {
		s.Error("a duplicate went through")
	}
	s.same("users", s.countUsers(), 0)
}

func testReadCancelled(s *suite) {
	s.addUser("p", "a", nil)
	ctx, cancel := context.WithCancel(s.Context())
	err := s.Store.Read(ctx, func(tx store.Tx) error {
		if _, err := tx.Users().User(ctx, "p", "a"); err != nil {
			return err
		}
		cancel()
		_, err := tx.Users().User(ctx, "p", "a")
		return err
	})
	s.is("Read", err, context.Canceled)
	err = s.Store.Read(s.Context(), func(tx store.Tx) error { panic("in a Read") })
	if err == nil || !strings.Contains(err.Error(), "in a Read") {
		s.Errorf("a panic came back as %v", err)
	}
	s.same("users", s.countUsers(), 1)
}

func testInfo(s *suite) {
	info, err := s.Store.Info(s.Context())
	s.is("Info", err, nil)
	if info.Engine == "" || info.Version == "" || info.Schema < 1 || info.Epoch != 1 || info.SizeBytes <= 0 {
		s.Errorf("%+v", info)
	}
}
