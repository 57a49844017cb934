package lake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// stateVersion is the version of the state that this program writes, header and body. A
// lower version can be read, and the caller converts its body. A higher version is an
// error.
const stateVersion = 2

const (
	generationPrefix = "generation-"
	generationSuffix = ".jsonl"
	maxGeneration    = 9_999_999_999 // ten digits
	maxHeader        = 64 << 10      // bytes
	sumField         = `,"sha256":"`
	sumEnd           = `"}`
)

// Log is a state as a sequence of generations. Each is an object that is never changed,
// with the name generation-NNNNNNNNNN.jsonl. The highest is the current one.
//
// The first line is a header in JSON. In all versions its last field is the SHA-256 of
// the whole file without the 64 digits of that field. So every change of a file is
// noticed. After the header comes the body, and Log does not look into it.
//
// Log ignores all other names in the folder. Methods may be called from several
// goroutines.
type Log struct {
	Store Store // the state's folder; required
}

// Snapshot is the current content of a Log. The zero Snapshot is that of an empty Log.
type Snapshot struct {
	Number  int64    // the highest generation that exists; 0 for an empty Log
	From    int64    // the generation of Run, Version and Body; lower than Number if later ones are damaged
	Version int      // the version of Body
	Run     string   // the run that committed generation From
	Body    []byte   // owned by the caller
	Damaged []string // a text for each damaged generation above From, the newest first
}

// DamagedError is a state whose generations are all damaged. People have to decide
// whether to start again, because a new state may store rows that the lake already has.
type DamagedError struct {
	Name    string   // the folder of the state
	Damaged []string // a text for each generation, the newest first
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("read state %q: no generation is whole: %s", e.Name, strings.Join(e.Damaged, "; "))
}

// NewerError is a state that a newer program wrote.
type NewerError struct {
	Name    string // of the object
	Version int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("read state %q: it has version %d, and this program knows versions up to %d", e.Name, e.Version, stateVersion)
}

type logHeader struct {
	Version    int    `json:"trailgate_state"`
	Generation int64  `json:"generation"`
	Run        string `json:"run"`
	Bytes      int    `json:"bytes"`
	Sum        string `json:"sha256"`
}

func generationName(n int64) string {
	return fmt.Sprintf("%s%010d%s", generationPrefix, n, generationSuffix)
}

// parseGeneration returns the number in a name, or false if it is not the name of a
// generation.
func parseGeneration(name string) (int64, bool) {
	digits, ok := strings.CutPrefix(name, generationPrefix)
	if !ok {
		return 0, false
	}
	if digits, ok = strings.CutSuffix(digits, generationSuffix); !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil && n > 0 && name == generationName(n)
}

// encodeGeneration returns the content of the file of a generation: the header h with its
// checksum, and the body. It replaces h.Sum. The checksum covers header and body.
func encodeGeneration(h logHeader, body []byte) ([]byte, error) {
	h.Sum = ""
	line, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode state: %w", err)
	}
	head := strings.TrimSuffix(string(line), sumEnd)
	data := make([]byte, 0, len(line)+2*sha256.Size+1+len(body))
	data = append(data, head...)
	data = append(data, generationSum(line, body)...)
	data = append(data, sumEnd+"\n"...)
	return append(data, body...), nil
}

// generationSum returns the checksum of a header line without the digits of its checksum,
// and of the body after it.
func generationSum(line, body []byte) string {
	h := sha256.New()
	h.Write(line)
	h.Write([]byte{'\n'})
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// decodeGeneration returns the header and the body of a file. number is the generation in
// the file's name, and the header must have the same. An error says how the file is
// damaged. If the file is whole and has a newer version, decodeGeneration returns the
// header without a body and no error.
func decodeGeneration(data []byte, number int64) (logHeader, []byte, error) {
	line, body, ok := bytes.Cut(data, []byte{'\n'})
	if !ok || len(line) > maxHeader {
		return logHeader{}, nil, errors.New("has no header")
	}
	cut := len(line) - len(sumEnd) - 2*sha256.Size
	if cut < len(sumField) || !bytes.HasSuffix(line[:cut], []byte(sumField)) || !bytes.HasSuffix(line, []byte(sumEnd)) {
		return logHeader{}, nil, errors.New("has no header that ends with a checksum")
	}
	sum := string(line[cut : cut+2*sha256.Size])
	blank := slices.Concat(line[:cut], []byte(sumEnd))
	if got := generationSum(blank, body); got != sum {
		return logHeader{}, nil, describeDamage(line, body)
	}
	var h logHeader
	if err := json.Unmarshal(line, &h); err != nil {
		return logHeader{}, nil, fmt.Errorf("has a header that is not JSON: %w", err)
	}
	switch {
	case h.Version < 1:
		return logHeader{}, nil, fmt.Errorf("has version %d", h.Version)
	case h.Version > stateVersion:
		return h, nil, nil
	case h.Generation != number:
		return logHeader{}, nil, fmt.Errorf("says that it is generation %d", h.Generation)
	case h.Bytes != len(body):
		return logHeader{}, nil, fmt.Errorf("has %d bytes behind its header, not %d", len(body), h.Bytes)
	}
	return h, body, nil
}

// describeDamage says how a file with a wrong checksum was probably damaged.
func describeDamage(line, body []byte) error {
	var h logHeader
	if err := json.Unmarshal(line, &h); err == nil && len(body) < h.Bytes {
		return fmt.Errorf("is cut off: %d of %d bytes behind its header", len(body), h.Bytes)
	}
	return errors.New("was changed: its checksum does not fit")
}

// listNumbers lists the numbers of the generations above after, in rising order.
func (l *Log) listNumbers(ctx context.Context, after int64) ([]int64, error) {
	start := ""
	if after > 0 {
		start = generationName(after)
	}
	var all []int64
	for item, err := range l.Store.List(ctx, generationPrefix, start) {
		if err != nil {
			return nil, err
		}
		if n, ok := parseGeneration(item.Key); ok {
			all = append(all, n)
		}
	}
	return all, nil
}

// Empty reports whether the Log has no generation, not even a damaged one.
func (l *Log) Empty(ctx context.Context) (bool, error) {
	all, err := l.listNumbers(ctx, 0)
	return len(all) == 0, err
}

// Latest returns the highest generation that is whole. It lists damaged ones above it in
// Snapshot.Damaged. For an empty Log it returns the zero Snapshot.
//
// If there are generations and all are damaged, the error is *DamagedError. If it meets
// one of a newer program, the error is *NewerError: such a generation is never ignored.
// If another run deletes a generation while Latest reads it, the error is ErrLost,
// wrapped.
func (l *Log) Latest(ctx context.Context) (Snapshot, error) {
	all, err := l.listNumbers(ctx, 0)
	if err != nil || len(all) == 0 {
		return Snapshot{}, err
	}
	snap := Snapshot{Number: all[len(all)-1]}
	for _, n := range slices.Backward(all) {
		name := generationName(n)
		data, _, err := l.Store.Get(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			// Another run deleted it, so that run has committed a newer one.
			return Snapshot{}, fmt.Errorf("read state %q: it was deleted while it was read: %w", l.Store.Name(name), ErrLost)
		}
		if err != nil {
			return Snapshot{}, err
		}
		h, body, err := decodeGeneration(data, n)
		if err != nil {
			snap.Damaged = append(snap.Damaged, fmt.Sprintf("%s %v", name, err))
			continue
		}
		if h.Version > stateVersion {
			return Snapshot{}, &NewerError{Name: l.Store.Name(name), Version: h.Version}
		}
		snap.From, snap.Version, snap.Run, snap.Body = n, h.Version, h.Run, body
		return snap, nil
	}
	return Snapshot{}, &DamagedError{Name: l.Store.Name(""), Damaged: snap.Damaged}
}

// Commit creates the generation with this number, 1 to 9,999,999,999. run is the name of
// the run that commits. It must not be empty. The generation is committed as soon as its
// object exists.
//
// If another run has created this generation or a higher one, the error is ErrLost,
// wrapped. After any other error the generation may exist or not, and Latest can tell. To
// commit the same bytes again is a success as long as no higher generation exists.
func (l *Log) Commit(ctx context.Context, number int64, run string, body []byte) error {
	if number < 1 || number > maxGeneration || run == "" {
		return fmt.Errorf("commit generation %d of run %q: not a valid generation or run", number, run)
	}
	data, err := encodeGeneration(logHeader{Version: stateVersion, Generation: number, Run: run, Bytes: len(body)}, body)
	if err != nil {
		return err
	}
	if cut := bytes.IndexByte(data, '\n'); cut > maxHeader {
		return fmt.Errorf("commit generation %d: the run's name has %d bytes", number, len(run))
	}
	name := generationName(number)
	_, err = l.Store.Put(ctx, name, data, Absent())
	if errors.Is(err, ErrConflict) {
		return l.lostError(number, number)
	}
	if err != nil {
		return err
	}
	// Another run may have created this generation, and deleted it since. Then there is
	// a higher one, because the newest is never deleted.
	above, err := l.listNumbers(ctx, number)
	if err != nil {
		return err
	}
	if len(above) > 0 {
		return l.lostError(number, above[0])
	}
	return nil
}

func (l *Log) lostError(number, there int64) error {
	return fmt.Errorf("commit generation %d to %q: there is generation %d: %w", number, l.Store.Name(""), there, ErrLost)
}

// Prune deletes old generations. It keeps those with the highest numbers, as many as keep
// says, even if they are damaged. The highest always stays.
func (l *Log) Prune(ctx context.Context, keep int) error {
	all, err := l.listNumbers(ctx, 0)
	if err != nil {
		return err
	}
	for _, n := range all[:max(0, len(all)-max(keep, 1))] {
		if err := l.Store.Delete(ctx, generationName(n)); err != nil {
			return err
		}
	}
	return nil
}
