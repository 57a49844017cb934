package lookup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A run that can be resumed keeps two files. FILE has the question. It is written to a
// temporary file, which is then renamed. FILE.pages has a line for each page: its
// events, and the position of the Region after it. A line is written before anything of
// its page is yielded. Each line begins with its checksum. A line that is damaged or
// incomplete is cut off together with the lines after it, and its page is requested
// again. So FILE.pages is the whole state, and nothing is written twice.
const (
	journalVersion = 2
	pagesSuffix    = ".pages"
)

// resumeHeader is the content of FILE.
type resumeHeader struct {
	Version  int       `json:"version"`
	Asked    string    `json:"asked"` // the window, in the words of the user
	Filter   string    `json:"filter"`
	Clamp    bool      `json:"clamp"`
	Regions  []string  `json:"regions"` // as named; empty: those that are enabled
	Accounts []string  `json:"accounts"`
	Since    time.Time `json:"since"` // the window of the first run
	Until    time.Time `json:"until"`
	Start    time.Time `json:"start"` // the same window as it is sent
	End      time.Time `json:"end"`
	Cut      string    `json:"cut,omitempty"`
}

// fingerprint returns a short hash of the header. FILE.pages begins with it, which
// shows to which FILE the pages belong.
func (h resumeHeader) fingerprint() (string, error) {
	b, err := json.Marshal(h)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8]), nil
}

// ResumeError is a resume file that does not belong to this question.
type ResumeError struct {
	Path   string
	Reason string
}

// Error says what is different.
func (e *ResumeError) Error() string { return fmt.Sprintf("resume file %q: %s", e.Path, e.Reason) }

// checkMatches returns an error if the question of a file differs from the one that
// is asked now. The accounts are compared only if asked has them, because they are
// known late.
func (h *resumeHeader) checkMatches(asked resumeHeader) error {
	differs := func(what string, was, is any) error {
		return fmt.Errorf("it is for another question: %s %v, not %v", what, was, is)
	}
	switch {
	case h.Version != asked.Version:
		return fmt.Errorf("it has version %d, this program writes %d", h.Version, asked.Version)
	case h.Asked != asked.Asked:
		return differs("the window", quoteWindow(h.Asked), quoteWindow(asked.Asked))
	case h.Filter != asked.Filter:
		return differs("the filter", h.Filter, asked.Filter)
	case h.Clamp != asked.Clamp:
		return differs("cutting the window", h.Clamp, asked.Clamp)
	case !slices.Equal(h.Regions, asked.Regions):
		return differs("the Regions named", h.Regions, asked.Regions)
	case asked.Accounts != nil && !slices.Equal(h.Accounts, asked.Accounts):
		return differs("the accounts", h.Accounts, asked.Accounts)
	}
	return nil
}

// quoteWindow quotes both ends of a window. An end may be missing: the words may be only
// "to".
func quoteWindow(asked string) string {
	since, until, ok := strings.Cut(" "+asked+" ", " to ")
	if !ok {
		return strconv.Quote(asked)
	}
	from, to := "from the beginning", "to now"
	if since = strings.TrimSpace(since); since != "" {
		from = fmt.Sprintf("from %q", since)
	}
	if until = strings.TrimSpace(until); until != "" {
		to = fmt.Sprintf("to %q", until)
	}
	return from + " " + to
}

// readHeader reads FILE. The header is nil if the file does not exist. A file with
// other content is a *ResumeError.
func readHeader(path string) (*resumeHeader, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("resume file: %w", err)
	}
	var h resumeHeader
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		return nil, &ResumeError{path, fmt.Sprintf("it is not a resume file: %v", err)}
	}
	return &h, nil
}

// pageStep is a line of FILE.pages.
type pageStep struct {
	Account string        `json:"account"`
	Region  string        `json:"region"`
	Start   int64         `json:"start"` // Unix seconds, as sent
	End     int64         `json:"end"`
	Next    string        `json:"next,omitempty"`
	Again   bool          `json:"again,omitempty"`
	Done    bool          `json:"done,omitempty"`
	Events  []lookupEvent `json:"events"`
}

// pagesTitle is the first line of FILE.pages.
type pagesTitle struct {
	Pages string `json:"pages"` // resumeHeader.fingerprint
}

// pageJournal is FILE.pages, open for appending.
type pageJournal struct {
	file *os.File
	mu   sync.Mutex
}

// openJournal opens the two files at path for the question asked. It creates them
// if they do not exist. Files that are for another question are a *ResumeError.
func openJournal(path string, asked resumeHeader) (*pageJournal, error) {
	h, err := readHeader(path)
	if err != nil {
		return nil, err
	}
	if h != nil {
		if err := h.checkMatches(asked); err != nil {
			return nil, &ResumeError{path, err.Error()}
		}
	}
	f, err := openPages(path, h)
	switch {
	case err != nil:
		return nil, err
	case h == nil:
		return createJournal(path, asked, f)
	}
	return &pageJournal{file: f}, nil
}

// openPages opens FILE.pages and checks that it belongs to FILE. Without FILE, the
// result is nil, or a file that a crash has left: with a title, or empty.
func openPages(path string, h *resumeHeader) (*os.File, error) {
	name := filepath.Base(path) + pagesSuffix
	f, err := os.OpenFile(path+pagesSuffix, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist) && h == nil:
		return nil, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, &ResumeError{path, name + " is missing"}
	case err != nil:
		return nil, fmt.Errorf("resume file: %w", err)
	}
	line, err := bufio.NewReader(f).ReadSlice('\n') // no more than fits into the buffer, as the file may be a foreign one
	var first pagesTitle
	whole := err == nil && parseLine(line, &first) == nil && first.Pages != ""
	if h == nil {
		if whole || len(line) == 0 && errors.Is(err, io.EOF) {
			return f, nil
		}
		return nil, errors.Join(&ResumeError{path, name + " is in its place, and no run wrote it"}, f.Close())
	}
	id, err := h.fingerprint()
	if err == nil && (!whole || first.Pages != id) {
		err = &ResumeError{path, name + " is not of the same run"}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// checkPages returns the errors that openPages would return, before any request is
// sent. It also refuses a path whose folder does not exist.
func checkPages(path string, h *resumeHeader) error {
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return &ResumeError{path, fmt.Sprintf("its folder: %v", err)}
	}
	f, err := openPages(path, h)
	if f == nil || err != nil {
		return err
	}
	return f.Close()
}

// createJournal creates FILE.pages and then FILE, so that a FILE always has its pages. f
// is a file of pages that a crash has left; it may be nil.
func createJournal(path string, h resumeHeader, f *os.File) (j *pageJournal, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("resume file: %w", err)
		}
	}()
	id, err := h.fingerprint()
	if err != nil {
		return nil, err
	}
	if f == nil {
		if f, err = os.OpenFile(path+pagesSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return nil, err
		}
	}
	j = &pageJournal{file: f}
	if err := errors.Join(f.Truncate(0), rewindFile(f), j.writeLine(pagesTitle{id}), f.Sync(), replaceFile(path, h)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

// replaceFile writes a temporary file and renames it to FILE.
func replaceFile(path string, h resumeHeader) (err error) {
	b, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(append(b, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// rewindFile moves to the beginning of a file.
func rewindFile(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// replayPages calls take for each page, in the order in which they were written. It
// then cuts off the rest of the file, which is damaged or incomplete. take reports
// whether it wants more pages. If it does not, or fails, the file is not cut. Call
// replayPages once, before appendPage.
func (j *pageJournal) replayPages(take func(pageStep) (bool, error)) error {
	if err := rewindFile(j.file); err != nil {
		return fmt.Errorf("resume file: %w", err)
	}
	in := bufio.NewReaderSize(j.file, 1<<16)
	whole := int64(0)
	for first := true; ; first = false {
		line, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("resume file: %w", err)
		}
		var s pageStep
		if err != nil || !first && parseLine(line, &s) != nil {
			break
		}
		whole += int64(len(line))
		if first {
			continue
		}
		if more, err := take(s); !more || err != nil {
			return err
		}
	}
	if err := j.file.Truncate(whole); err != nil {
		return fmt.Errorf("resume file: %w", err)
	}
	if _, err := j.file.Seek(whole, io.SeekStart); err != nil {
		return fmt.Errorf("resume file: %w", err)
	}
	return nil
}

// appendPage writes a page. Several goroutines may call it.
func (j *pageJournal) appendPage(s pageStep) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.writeLine(s); err != nil {
		return fmt.Errorf("resume file: %w", err)
	}
	return nil
}

// writeLine writes a line in one call, so that only the last line can be incomplete.
func (j *pageJournal) writeLine(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(j.file, "%08x %s\n", crc32.ChecksumIEEE(b), b)
	return err
}

// parseLine is the inverse of writeLine: it checks the checksum of a line and
// decodes the rest into v.
func parseLine(line []byte, v any) error {
	sum, b, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	if string(sum) != fmt.Sprintf("%08x", crc32.ChecksumIEEE(b)) {
		return errors.New("a line with a wrong checksum")
	}
	return json.Unmarshal(b, v)
}

// closeFile closes FILE.pages.
func (j *pageJournal) closeFile() error {
	if err := j.file.Close(); err != nil {
		return fmt.Errorf("resume file: %w", err)
	}
	return nil
}

// JournalFiles returns the paths of the resume file and of its pages. It is empty if
// there is no resume file.
func (s *Source) JournalFiles() []string {
	if s.ResumeFile == "" {
		return nil
	}
	return []string{s.ResumeFile, s.ResumeFile + pagesSuffix}
}

// Forget removes the resume file and its pages. Call it when their sign-ins have been
// stored elsewhere. It is not an error if the files do not exist.
func (s *Source) Forget() error {
	for _, path := range s.JournalFiles() {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("resume file: %w", err)
		}
	}
	return nil
}
