package artifact

import "testing"

func TestChunksAreBounded(t *testing.T) {
	var c chunks
	for i := range 3 * maxChunks {
		c.put(chunkKey{"a", i}, []byte{byte(i)})
		c.put(chunkKey{"a", i}, []byte{byte(i)})
	}
	if _, ok := c.get(chunkKey{"a", 0}); ok || len(c.data) != maxChunks || len(c.order) != maxChunks {
		t.Errorf("%d chunks, %d in order", len(c.data), len(c.order))
	}
	c.put(chunkKey{"b", 0}, nil)
	if c.drop("a"); len(c.data) != 1 || len(c.order) != 1 {
		t.Errorf("%d chunks, %d in order after drop", len(c.data), len(c.order))
	}
}
