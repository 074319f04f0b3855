package state

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// Digest stands for a secret: HMAC-SHA-256 of it under the key named KeyID.
type Digest struct {
	KeyID string `json:"key"`
	// Place is where the secret stood when the digest was made (account, address, attribute). It goes into the sum, so that
	// equal secrets at different places differ, and it stays what it was when the resource gets another address.
	Place string `json:"place"`
	Sum   string `json:"sum"` // hex
}

// Key makes and compares digests of secrets. The zero Key has no key at hand: every secret is then "set, unverified".
type Key struct {
	id  string
	key [32]byte
}

// Comparison is what a digest says about a secret.
type Comparison int

const (
	Unverified Comparison = iota // no key at hand, or another key: nothing can be said
	Same
	Different
)

// NewKey derives a key from secret bytes of any length. The secret cannot be found from the key's id.
func NewKey(secret []byte) Key { return deriveKey(secret, "") }

func deriveKey(secret []byte, lineage string) Key {
	var k Key
	material, err := hkdf.Key(sha256.New, secret, []byte(lineage), "vpsync state digests 1", 32+8)
	if err != nil {
		panic(err) // only for lengths that SHA-256 cannot give
	}
	copy(k.key[:], material)
	k.id = hex.EncodeToString(material[32:])
	return k
}

// ID names the key.
func (k Key) ID() string { return k.id }

// IsZero: no key is at hand.
func (k Key) IsZero() bool { return k.id == "" }

// Digest makes a digest of a known value; marks do not matter. ok is false while no key is at hand.
func (k Key) Digest(account string, a spec.Address, attribute string, v cty.Value) (d Digest, ok bool) {
	if k.IsZero() {
		return Digest{}, false
	}
	place := account + " " + a.String() + " " + attribute
	sum, ok := k.sum(place, v)
	return Digest{KeyID: k.id, Place: place, Sum: sum}, ok
}

// Compare says whether a digest is one of this value.
func (k Key) Compare(d Digest, v cty.Value) Comparison {
	if k.IsZero() || d.KeyID != k.id {
		return Unverified
	}
	sum, ok := k.sum(d.Place, v)
	switch {
	case !ok:
		return Unverified
	case hmac.Equal([]byte(sum), []byte(d.Sum)):
		return Same
	}
	return Different
}

func (k Key) sum(place string, v cty.Value) (string, bool) {
	v, _ = v.UnmarkDeep()
	if !v.IsWhollyKnown() {
		return "", false
	}
	text, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return "", false
	}
	mac := hmac.New(sha256.New, k.key[:])
	fmt.Fprintf(mac, "%d:%s", len(place), place)
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil)), true
}

// KeySource is where the key of a state may come from.
type KeySource struct {
	// Given is the value of VPSYNC_STATE_KEY, or empty. It wins.
	Given string
	// Dir is vpsync's folder in the user's configuration, never beside the state. Empty: no file is read or made.
	Dir string
	// MayCreate: the state holds no digest yet, so a new key loses nothing.
	MayCreate bool
}

// LoadKey finds the key of a state. The zero Key is no error: secrets are then kept unverified.
func LoadKey(from KeySource, lineage string) (Key, error) {
	if from.Given != "" {
		return deriveKey([]byte(from.Given), lineage), nil
	}
	if from.Dir == "" || lineage == "" {
		return Key{}, nil
	}
	if filepath.Base(lineage) != lineage || lineage == "." || lineage == ".." {
		return Key{}, fmt.Errorf("the lineage %q is not a file name", lineage)
	}
	path := filepath.Join(from.Dir, "keys", lineage)
	secret, err := os.ReadFile(path)
	switch {
	case err == nil && len(secret) == 32:
		return deriveKey(secret, lineage), nil
	case err == nil:
		return Key{}, fmt.Errorf("%s is no key of vpsync's: it has %d bytes instead of 32. Remove it if it was never one; secrets are then asked for again", path, len(secret))
	case !errors.Is(err, fs.ErrNotExist):
		return Key{}, err
	case !from.MayCreate:
		return Key{}, nil
	}
	key, err := createKey(path, lineage)
	if err != nil {
		return Key{}, &UnusableError{Path: path, Summary: "The key of secrets cannot be kept", Err: err,
			Detail: fmt.Sprintf("secrets are recorded as digests under a key, which could not be made at %s: %s", path, reason(err)),
			Remedy: "export VPSYNC_STATE_KEY=\"$(openssl rand -hex 32)\"    # and keep it where the next run finds it"}
	}
	return key, nil
}

// reason is what the system said, without the paths.
func reason(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return err.Error()
}

func createKey(path, lineage string) (Key, error) {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails: the program is ended if there is no randomness
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return Key{}, err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".new-*") // created 0600
	if err != nil {
		return Key{}, err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(secret)
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return Key{}, err
	}
	// A link, unlike a rename, never replaces a key that another process made meanwhile.
	if err := os.Link(temporary.Name(), path); errors.Is(err, fs.ErrExist) {
		if secret, err = os.ReadFile(path); err != nil {
			return Key{}, err
		}
	} else if err != nil {
		return Key{}, err
	}
	syncDir(filepath.Dir(path))
	return deriveKey(secret, lineage), nil
}

// syncDir makes a new name durable where the system can do that; elsewhere the journal of the file system has to do.
func syncDir(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}
