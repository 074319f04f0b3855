package spec

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// numbers are as answers and configurations have them, and such as few have.
var numbers = []string{
	"-0", "0", "1", "-1", "80", "100", "443", "0.1", "-0.0125", "3.50", "1732233600", "9007199254740993", "9223372036854775807", "-9223372036854775808",
	"9223372036854775808", "340282366920938463463374607431768211456", "1e3", "1e-3", "12345678901234567890.5",
}

func TestNumberText(t *testing.T) {
	for _, text := range numbers {
		v := cty.MustParseNumberVal(text)
		want := v.AsBigFloat().Text('f', -1)
		if want == "-0" {
			want = "0" // is the same number, and nobody writes it so
		}
		require.Equal(t, want, NumberText(v.AsBigFloat()), text)
	}
	for _, n := range []int64{0, 7, -1 << 62, 1<<63 - 1} {
		require.Equal(t, fmt.Sprint(n), NumberText(new(big.Float).SetInt64(n)))
	}
	require.Equal(t, "4611686018427387904", NumberText(cty.NumberFloatVal(1<<62).AsBigFloat()))
}

// TestWord: a word is what cty's conversion to a string gives, where it gives one.
func TestWord(t *testing.T) {
	values := []cty.Value{cty.StringVal(""), cty.StringVal("é"), cty.True, cty.False}
	for _, text := range numbers[1:] { // but for the sign of zero
		values = append(values, cty.MustParseNumberVal(text))
	}
	for _, v := range values {
		text, err := convert.Convert(v, cty.String)
		require.NoError(t, err)
		require.Equal(t, text.AsString(), Word(v))
		require.Empty(t, Word(v.Mark(Sensitive)))
	}
	for _, v := range []cty.Value{cty.NilVal, cty.NullVal(cty.String), cty.NullVal(cty.DynamicPseudoType), cty.UnknownVal(cty.Number), cty.DynamicVal, cty.EmptyObjectVal, cty.ListValEmpty(cty.String)} {
		require.Empty(t, Word(v), "%#v", v)
	}
}

// BenchmarkNumberText: a whole number as it is read from an answer, and the way that does not ask whether it is one.
func BenchmarkNumberText(b *testing.B) {
	f := cty.MustParseNumberVal("1732233600").AsBigFloat()
	for name, text := range map[string]func() string{"whole": func() string { return NumberText(f) }, "any": func() string { return f.Text('f', -1) }} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				text()
			}
		})
	}
}
