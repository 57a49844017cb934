package trail

import (
	"context"
	"sync"
)

// folderQueue lists folders with several goroutines at once. The folder that was
// added last is listed first, which keeps the queue short.
type folderQueue struct {
	parallel int                                       // goroutines at most
	visit    func(ctx context.Context, f folder) error // lists one folder; it may add more

	group   sync.WaitGroup
	mu      sync.Mutex
	pending []folder
	walkers int   // goroutines at work
	err     error // of a visit; no further folder is then visited
}

// addFolders adds folders, and starts goroutines while there is work for them.
func (q *folderQueue) addFolders(ctx context.Context, more ...folder) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pending = append(q.pending, more...)
	for q.walkers < min(q.parallel, len(q.pending)) {
		q.walkers++
		q.group.Go(func() { q.visitAll(ctx) })
	}
}

// visitAll visits folders until none is left, a visit has failed, or the context
// has ended.
func (q *folderQueue) visitAll(ctx context.Context) {
	for {
		q.mu.Lock()
		n := len(q.pending)
		if n == 0 || q.err != nil || ctx.Err() != nil {
			q.walkers--
			q.mu.Unlock()
			return
		}
		f := q.pending[n-1]
		q.pending = q.pending[:n-1]
		q.mu.Unlock()
		if err := q.visit(ctx, f); err != nil {
			q.mu.Lock()
			q.err = err
			q.mu.Unlock()
		}
	}
}

// waitAll waits until all goroutines have ended, and returns the error of a visit.
// After an error, or if the context has ended, some folders have not been visited.
func (q *folderQueue) waitAll() error {
	q.group.Wait()
	return q.err
}
