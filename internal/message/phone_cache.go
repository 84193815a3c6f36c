package message

import (
	"container/list"
	"sync"

	"countersign/internal/liquid"
)

// lru holds parsed templates by their source, the ones used last.
type lru struct {
	mu    sync.Mutex
	size  int
	order *list.List // of *parsedTemplate, the one used last in front
	byKey map[string]*list.Element
}

type parsedTemplate struct {
	source string
	tmpl   *liquid.Template
}

func newLRU(size int) *lru {
	return &lru{size: max(size, 1), order: list.New(), byKey: map[string]*list.Element{}}
}

// get returns the template of a source. One that does not parse is not kept.
func (c *lru) get(source string) (*liquid.Template, error) {
	c.mu.Lock()
	if e, ok := c.byKey[source]; ok {
		c.order.MoveToFront(e)
		c.mu.Unlock()
		return e.Value.(*parsedTemplate).tmpl, nil
	}
	c.mu.Unlock()
	tmpl, err := liquid.Parse(source) // outside of the lock: two may parse the same
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[source]; ok {
		return e.Value.(*parsedTemplate).tmpl, nil
	}
	c.byKey[source] = c.order.PushFront(&parsedTemplate{source, tmpl})
	if c.order.Len() > c.size {
		last := c.order.Back()
		c.order.Remove(last)
		delete(c.byKey, last.Value.(*parsedTemplate).source)
	}
	return tmpl, nil
}
