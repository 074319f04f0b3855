package state

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Sealer seals rows, so that only whoever has the key reads them: AES-256-GCM under a key that is derived of the secret and the lineage.
type Sealer struct {
	rows    cipher.AEAD
	lineage string
	sum     []byte
}

// NewSealer derives the keys of a state of VPSYNC_STATE_KEY, which holds a secret of any length.
func NewSealer(secret []byte, lineage string) (*Sealer, error) {
	material, err := hkdf.Key(sha256.New, secret, []byte(lineage), "vpsync state seal 1", 64)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(material[:32])
	if err != nil {
		return nil, err
	}
	rows, err := cipher.NewGCM(block)
	return &Sealer{rows: rows, lineage: lineage, sum: material[32:]}, err
}

// Seal seals a row. Its name and the serial that it was written at are bound to it; neither is hidden.
func (s *Sealer) Seal(name string, serial int64, plain []byte) []byte {
	nonce := make([]byte, s.rows.NonceSize())
	rand.Read(nonce) // never fails
	return s.rows.Seal(nonce, nonce, plain, s.about(name, serial))
}

// Open opens a row. The error does not say why it cannot be: another key, or another row.
func (s *Sealer) Open(name string, serial int64, sealed []byte) ([]byte, error) {
	n := s.rows.NonceSize()
	if len(sealed) < n {
		return nil, errors.New("it is too short to be a sealed row")
	}
	plain, err := s.rows.Open(nil, sealed[:n], sealed[n:], s.about(name, serial))
	if err != nil {
		return nil, fmt.Errorf("%s was sealed with another key, or is not what was written", name)
	}
	return plain, nil
}

func (s *Sealer) about(name string, serial int64) []byte {
	return fmt.Appendf(nil, "%s\n%d\n%s", s.lineage, serial, name)
}

// Sum is a checksum that only whoever has the key can make.
func (s *Sealer) Sum(data []byte) []byte {
	h := hmac.New(sha256.New, s.sum)
	h.Write(data)
	return h.Sum(nil)
}
