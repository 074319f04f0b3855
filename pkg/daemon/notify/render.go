package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/vpsync/vpsync/pkg/plan/render/escape"
)

// Kind is how a receiver is spoken to.
type Kind string

const (
	Slack   Kind = "slack"   // an incoming webhook
	Discord Kind = "discord" // a webhook of a channel
	Webhook Kind = "webhook" // the notice as JSON, signed
)

// SignatureHeader has "sha256=" and the HMAC-SHA256 of the body under the receiver's secret, in hexadecimal.
const SignatureHeader = "X-Vpsync-Signature-256"

// How much of a notice is told to people.
const (
	maxLines = 10
	maxText  = 200 // runes of one text
)

// style is how one of them writes.
type style struct {
	code func(string) string
	bold string
	most int // runes it takes, with room; longer texts are cut between lines
}

var (
	inSlack   = style{slackCode, "*", 12_000}
	inDiscord = style{discordCode, "**", 1_900}
)

// request is what is sent to a receiver.
type request struct {
	body   []byte
	header http.Header
}

// render makes a notice ready to be sent, the same each time.
func render(n *Notice, kind Kind, secret string) (request, error) {
	var doc any
	switch kind {
	case Slack:
		doc = slackDocument{Text: text(n, inSlack), Parse: "none"}
	case Discord:
		doc = discordDocument{Content: text(n, inDiscord), Mentions: discordMentions{Parse: []string{}}, Flags: suppressEmbeds}
	case Webhook:
		doc = webhookDocument{FormatVersion: "1.0", ID: id(n), Notice: n}
	default:
		return request{}, fmt.Errorf("there is no kind of notification %q; there are slack, discord and webhook", escape.Line(string(kind)))
	}
	body, err := escape.JSON(doc, "")
	if err != nil {
		return request{}, err
	}
	r := request{body, http.Header{"Content-Type": {"application/json"}, "User-Agent": {"vpsync"}}}
	if kind == Webhook {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		r.header.Set(SignatureHeader, "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	return r, nil
}

// Without a preview of links, and without names and channels being made out of what looks like them.
type slackDocument struct {
	Text        string `json:"text"`
	Parse       string `json:"parse"`
	UnfurlLinks bool   `json:"unfurl_links"`
	UnfurlMedia bool   `json:"unfurl_media"`
}

const suppressEmbeds = 1 << 2

type discordDocument struct {
	Content  string          `json:"content"`
	Mentions discordMentions `json:"allowed_mentions"`
	Flags    int             `json:"flags"`
}

type discordMentions struct {
	Parse []string `json:"parse"` // nobody
}

type webhookDocument struct {
	FormatVersion string `json:"format_version"`
	ID            string `json:"id"` // the same where a notice is sent again
	*Notice
}

func id(n *Notice) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d", n.Stack, n.What, n.At.UnixNano()))
	return hex.EncodeToString(sum[:8])
}

// text tells a notice to people: what happened in bold, and a line for each detail. Foreign text stands in code alone, where nothing
// is formatted, mentioned or linked.
func text(n *Notice, as style) string {
	code, bold := as.code, as.bold
	var lines []string
	switch n.What {
	case DriftFound, MoreDrift:
		for _, d := range n.Drift {
			switch {
			case d.Attribute == "":
				lines = append(lines, "• "+code(d.Address)+" is gone")
			default:
				lines = append(lines, "• "+code(d.Address)+" "+code(d.Attribute)+": "+value(d.Was, code)+" → "+value(d.Is, code))
			}
		}
	case Healed:
		for _, d := range n.Drift {
			line := "• " + code(d.Address)
			if d.Attribute != "" {
				line += " " + code(d.Attribute)
			}
			lines = append(lines, line+" is as it should be")
		}
		if n.By != "" {
			lines = append(lines, "by the run "+code(n.By))
		}
	case Failed:
		lines = append(lines, code(n.Error))
	case Asked:
		for _, q := range n.Questions {
			line := "• " + code(q.Summary)
			if q.Address != "" {
				line = "• " + code(q.Address) + ": " + code(q.Summary)
			}
			if q.Remedy != "" {
				line += " — " + code(q.Remedy)
			}
			lines = append(lines, line)
		}
	}
	if more := len(lines) - maxLines; more > 0 {
		lines = append(lines[:maxLines:maxLines], fmt.Sprintf("and %d more", more))
	}
	head := bold + string(n.What) + bold + " on " + code(n.Stack)
	if n.What == MoreDrift {
		head += fmt.Sprintf(", %d in all", n.Drifted)
	}
	out, left := head, as.most-utf8.RuneCountInString(head)
	for i, l := range lines {
		left -= utf8.RuneCountInString(l) + 1
		if left < 0 {
			return out + fmt.Sprintf("\nlines left out: %d", len(lines)-i)
		}
		out += "\n" + l
	}
	return out
}

func value(s string, code func(string) string) string {
	if s == "" {
		return "nothing"
	}
	return code(s)
}

// plain is foreign text on one line and of a length that can be read.
func plain(s string) string {
	s = escape.Line(s)
	if runes := []rune(s); len(runes) > maxText {
		s = string(runes[:maxText]) + "…"
	}
	return strings.ReplaceAll(s, "`", "ˋ") // which would end the code
}

// slackCode is foreign text as code. Slack reads &, < and > everywhere, and nothing else within code.
func slackCode(s string) string {
	if s == "" {
		return "nothing"
	}
	return "`" + strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(plain(s)) + "`"
}

// discordCode is the same for Discord, which reads nothing within code.
func discordCode(s string) string {
	if s == "" {
		return "nothing"
	}
	return "`` " + plain(s) + " ``"
}
