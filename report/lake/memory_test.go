package lake_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"trailgate/report/lake"
)

// memory is a store for tests that need many operations, or the order of operations. It
// passes storeSuite itself.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
	tags    map[string]lake.Tag
	writes  int
	before  func() // called before each operation; nil: nothing
}

func (m *memory) enter(ctx context.Context, operation, key string) error {
	if m.before != nil {
		m.before()
	}
	err := ctx.Err()
	if err == nil && !isKey(key) {
		err = fmt.Errorf("%s %q: no key", operation, key)
	}
	return err
}

func isKey(key string) bool {
	return key != "" && !slices.ContainsFunc(strings.Split(key, "/"), func(p string) bool { return p == "" || p[0] == '.' }) &&
		!strings.ContainsAny(key, "\\\x00\n\x7f") && utf8.ValidString(key)
}

func (m *memory) Name(key string) string { return "memory:" + key }

func (m *memory) Get(ctx context.Context, key string) ([]byte, lake.Tag, error) {
	if err := m.enter(ctx, "get", key); err != nil {
		return nil, "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.objects[key]
	if !ok {
		return nil, "", fmt.Errorf("get %q: %w", m.Name(key), fs.ErrNotExist)
	}
	return slices.Clone(data), m.tags[key], nil
}

func (m *memory) Put(ctx context.Context, key string, data []byte, when lake.Condition) (lake.Tag, error) {
	if err := m.enter(ctx, "put", key); err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old, exists := m.objects[key]
	holds := when == lake.Absent() && !exists || exists && when == lake.Matches(m.tags[key])
	switch {
	case when == lake.Matches("") || when == lake.Matches("a\r\nb"):
		return "", fmt.Errorf("put %q: no tag", key)
	case !holds && exists && bytes.Equal(old, data):
		return m.tags[key], nil
	case !holds:
		return "", fmt.Errorf("put %q: %w", m.Name(key), lake.ErrConflict)
	}
	m.set(key, data)
	return m.tags[key], nil
}

// set stores an object without a condition. The caller must have locked the mutex, or be
// the only user.
func (m *memory) set(key string, data []byte) {
	if m.objects == nil {
		m.objects, m.tags = map[string][]byte{}, map[string]lake.Tag{}
	}
	m.writes++
	m.objects[key] = slices.Clone(data)
	m.tags[key] = lake.Tag(fmt.Sprint(m.writes))
}

func (m *memory) Delete(ctx context.Context, key string) error {
	if err := m.enter(ctx, "delete", key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}

func (m *memory) List(ctx context.Context, prefix, after string) iter.Seq2[lake.Item, error] {
	return func(yield func(lake.Item, error) bool) {
		folder := "x"
		if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
			folder = prefix[:i]
		}
		if err := m.enter(ctx, "list", folder); err != nil {
			yield(lake.Item{}, err)
			return
		}
		m.mu.Lock()
		var items []lake.Item
		for _, key := range slices.Sorted(maps.Keys(m.objects)) {
			if strings.HasPrefix(key, prefix) && key > after {
				items = append(items, lake.Item{Key: key, Size: int64(len(m.objects[key]))})
			}
		}
		m.mu.Unlock()
		for _, it := range items {
			if !yield(it, nil) {
				return
			}
		}
	}
}
