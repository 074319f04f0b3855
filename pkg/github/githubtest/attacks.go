package githubtest

// CommandAttacks are texts that want to be a command to the runner, an output of the step, or an option of git.
var CommandAttacks = []string{
	"::set-output name=changes::evil", "\n::set-output name=changes::evil", "\r::add-mask::a", "\r\n::error::evil", "  ::warning file=x::evil", "##[set-output name=changes;]evil", "x ##[add-mask]a",
	"a\n::stop-commands::evil", "::endgroup::", "%0A::error::evil", "%250A::error::evil", "a,file=/etc/passwd,line=1::evil", "x::y", "\u2028::error::evil", "\x1b[2K::error::evil",
	"EOF\nchanges=evil", "changes<<EOF\nevil\nEOF", "vpsync_EOF\nplan_digest=evil", "ghadelimiter\nexit_code=0", "a\n\n\nchanges=evil\n",
}
