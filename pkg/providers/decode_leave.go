package providers

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
)

// leave decodes the wait of a delete: until the object is gone.
func (d *decoder) leave(b *block, src *kindSource) {
	w := b.only("wait")
	if w == nil {
		return
	}
	src.kind.Schema.Lingers = true
	src.kind.Leave = &Leave{
		Leaving: w.listMap("leaving"),
		Every:   w.duration("every", 10*time.Second, 100*time.Millisecond, time.Hour),
		Timeout: w.duration("timeout", 15*time.Minute, time.Second, 24*time.Hour),
	}
	w.finish()
	src.operations["delete wait"] = w
}

// checkLeave: that the object is gone can be seen, and so can its being on the way.
func (d *decoder) checkLeave(src *kindSource) {
	k, b := src.kind, src.operations["delete wait"]
	if k.Leave == nil {
		return
	}
	if k.Operations[spec.OpList] == nil && k.Operations[spec.OpRead] == nil {
		d.errorAt(b.header, "Wait without sight", fmt.Sprintf("%s has neither list nor read, so nobody could see that an object is gone.", sentence(src.block.name)), "")
	}
	for _, name := range slices.Sorted(maps.Keys(k.Leave.Leaving)) {
		if a := k.attribute(name); a == nil {
			d.unknownName(b.at("leaving"), "attribute", name, src.attributeNames())
		} else if a.Unreadable || a.Sensitive || !a.Type.IsPrimitiveType() {
			d.errorAt(b.at("leaving"), "Unusable attribute", fmt.Sprintf("%q cannot be watched: it must be a single readable value.", name), "")
		} else if k.Wait != nil {
			for _, word := range k.Leave.Leaving[name] {
				if slices.Contains(slices.Concat(k.Wait.Pending[name], k.Wait.Ready[name]), word) {
					d.errorAt(b.at("leaving"), "Contradiction", fmt.Sprintf("A %s of %q is pending or ready, says the wait of %s, so it cannot be leaving.", name, word, src.block.name), "")
				}
			}
		}
	}
}
