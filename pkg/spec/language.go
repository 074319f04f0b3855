package spec

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// Block is a sort of block that the language has whatever the provider: which labels it has and what may stand in it. What a stack
// is checked against is told to editors too.
type Block struct {
	Name        string
	Description string
	Labels      []string // what each of them is
	Arguments   []Argument
	Blocks      []Block // that may stand in it
	// Open: it takes other arguments, too, of names that the author chooses or that the provider knows.
	Open bool
}

// Argument is what a block may set.
type Argument struct {
	Name        string
	Description string
	Type        cty.Type // cty.NilType where it is no value: a type, a reference, a list of references
	Required    bool
	Values      []string // all that it may be, or nil
}

// Blocks are the top-level blocks of the language, in the order in which people write them. Every other top-level block is a
// resource, its type a kind of a provider: see [ResourceBlock].
func Blocks() []Block {
	description := Argument{Name: "description", Description: "for whoever reads it", Type: cty.String}
	return []Block{
		{Name: "vpsync", Description: "what the stack says about vpsync itself", Arguments: []Argument{
			{Name: "allow", Description: "how many destructive changes pass the brakes without being asked for", Type: cty.Number},
		}},
		{Name: "state", Description: "where the state is kept", Arguments: []Argument{
			{Name: "backend", Description: "sqlite, a file beside the stack, or git, a reference of the repository's remote", Type: cty.String, Required: true},
			{Name: "remote", Description: "with git, the remote of the repository: origin where nothing is said", Type: cty.String},
			{Name: "name", Description: "with git, the state's name: refs/vpsync/NAME; made of the folder where nothing is said", Type: cty.String},
			{Name: "seal", Description: "with git, rows are readable only with VPSYNC_STATE_KEY", Type: cty.Bool},
		}},
		{Name: "provider", Description: "an account at a provider", Labels: []string{"provider"}, Arguments: []Argument{
			{Name: "alias", Description: "tells several accounts at one provider apart", Type: cty.String},
			{Name: "token_env", Description: "the variable of the environment that holds the token", Type: cty.String},
			{Name: "definition", Description: "a file of the stack that describes the API", Type: cty.String},
		}},
		{Name: "variable", Description: "a value from outside", Labels: []string{"name"}, Arguments: []Argument{
			{Name: "type", Description: "what it must be, such as list(string)"},
			{Name: "default", Description: "what it is where nobody gives it", Type: cty.DynamicPseudoType},
			{Name: "sensitive", Description: "it is a secret, and so is whatever is made of it", Type: cty.Bool},
			{Name: "nullable", Description: "it may be null", Type: cty.Bool},
			description,
		}, Blocks: []Block{ruleLanguage("validation", "a rule for the value, beyond its type; it may name variables alone")}},
		{Name: "locals", Description: "values with a name, for use in the stack", Open: true},
		{Name: "output", Description: "a value that is shown, and kept for programs", Labels: []string{"name"}, Arguments: []Argument{
			{Name: "value", Description: "what it is", Type: cty.DynamicPseudoType, Required: true},
			{Name: "sensitive", Description: "it is a secret: neither shown nor kept", Type: cty.Bool},
			description,
		}},
		{Name: "check", Description: "what should be true of the whole; where it is not, a warning says so", Labels: []string{"name"},
			Blocks: []Block{ruleLanguage("assert", "one of the things that should be true")}},
		{Name: "moved", Description: "a resource that has another address than it was recorded under", Arguments: []Argument{
			{Name: "from", Description: "the address that is recorded", Required: true},
			{Name: "to", Description: "the address from now on", Required: true},
		}},
		{Name: "removed", Description: "a resource that is not declared any more", Arguments: []Argument{
			{Name: "from", Description: "the address that is recorded", Required: true},
			{Name: "destroy", Description: "delete the object, whatever prevent_destroy said, or leave it alone at the provider", Type: cty.Bool},
		}, Blocks: []Block{{Name: "lifecycle", Description: "another place for destroy", Arguments: []Argument{
			{Name: "destroy", Description: "the same", Type: cty.Bool},
		}}}},
		{Name: "import", Description: "an object that exists, for a resource", Arguments: []Argument{
			{Name: "to", Description: "the resource", Required: true},
			{Name: "id", Description: "the object's id at the provider", Type: cty.String, Required: true},
			{Name: "for_each", Description: "one for each key of a map or element of a set", Type: cty.DynamicPseudoType},
		}},
		{Name: dataRoot, Description: "a question to a provider, asked when planning; its other arguments are those of the source", Labels: []string{"source", "name"}, Open: true,
			Arguments: repeated("the account, where several have the source: servosphere.eu")},
	}
}

// repeated are the arguments of blocks that a provider gives a meaning to.
func repeated(account string) []Argument {
	return []Argument{
		{Name: "count", Description: "how many there are: count.index tells them apart", Type: cty.Number},
		{Name: "for_each", Description: "one for each key of a map or element of a set: each.key and each.value", Type: cty.DynamicPseudoType},
		{Name: "provider", Description: account},
	}
}

// ResourceBlock is what may stand in a block of any kind besides the attributes of that kind.
func ResourceBlock() Block {
	return Block{Description: "an object, or several, at a provider", Labels: []string{"name"}, Arguments: append(repeated("the account, where the stack has several: servosphere.eu"),
		Argument{Name: "depends_on", Description: "resources that must exist first, without being named otherwise"},
	), Blocks: []Block{lifecycleLanguage, dynamicLanguage}}
}

// ruleLanguage is a block that states a rule.
func ruleLanguage(name, description string) Block {
	return Block{Name: name, Description: description, Arguments: []Argument{
		{Name: "condition", Description: "what must be true", Type: cty.Bool, Required: true},
		{Name: "error_message", Description: "what is said where it is false", Type: cty.String, Required: true},
	}}
}

var lifecycleLanguage = Block{Name: "lifecycle", Description: "what may happen to the resource, and what happens when the API cannot do what is wanted", Arguments: []Argument{
	{Name: "on_unsupported", Description: "stop and say so, let go of the object, or leave it as it is", Type: cty.String,
		Values: []string{string(UnsupportedError), string(UnsupportedForget), string(UnsupportedIgnore)}},
	{Name: "on_drift", Description: "what vpsync daemon does when somebody changed the object: say it, keep a plan ready to be approved, or put it back; otherwise what the stack's mode says", Type: cty.String,
		Values: []string{string(DriftReport), string(DriftPropose), string(DriftHeal)}},
	{Name: "prevent_destroy", Description: "neither delete nor replace it; recorded, so that it holds when the block is gone", Type: cty.Bool},
	{Name: "backup_before", Description: "make a backup, and wait for it, before a change of these sorts that loses data: replace, delete; recorded, like prevent_destroy"},
	{Name: "create_before_destroy", Description: "a replacement makes the new object before it removes the old one", Type: cty.Bool},
	{Name: "ignore_changes", Description: "attributes whose differences change nothing, or the word all"},
	{Name: "replace_triggered_by", Description: "resources, or attributes of them, whose change replaces it"},
}, Blocks: []Block{
	ruleLanguage("precondition", "what must be true before the resource is made or changed"),
	ruleLanguage("postcondition", "what must be true after that; self is the resource"),
}}

// holds are the names of what may stand in a block.
func (b Block) holds() (arguments, blocks []string) {
	for _, a := range b.Arguments {
		arguments = append(arguments, a.Name)
	}
	for _, inner := range b.Blocks {
		blocks = append(blocks, inner.Name)
	}
	return arguments, blocks
}

// within finds a block by its name.
func within(blocks []Block, name string) Block {
	i := slices.IndexFunc(blocks, func(b Block) bool { return b.Name == name })
	return blocks[i]
}

// Function is what an expression may call.
type Function struct {
	Name        string
	Description string
	Parameters  []Parameter
	Variadic    *Parameter // any number of these follow, or nil
}

// Parameter is one of a function.
type Parameter struct {
	Name string
	Type cty.Type
}

// Functions are what expressions may call, by name; those that are refused with a reason are not among them.
func Functions() []Function {
	all, plain := functions(""), plainFunctions("")
	var out []Function
	for _, group := range FunctionDocs() {
		for _, doc := range group.Functions {
			typed, ok := plain[doc.Name]
			if !ok {
				typed = all[doc.Name]
			}
			f := Function{Name: doc.Name, Description: doc.Summary}
			parameter := func(p function.Parameter) Parameter {
				if p.Type.IsCapsuleType() { // of try() and can(): an expression of any type, not evaluated yet
					p.Type = cty.DynamicPseudoType
				}
				return Parameter{Name: p.Name, Type: p.Type}
			}
			for _, p := range typed.Params() {
				f.Parameters = append(f.Parameters, parameter(p))
			}
			if p := typed.VarParam(); p != nil {
				last := parameter(*p)
				f.Variadic = &last
			}
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
	return out
}
