package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// User is who wrote something.
type User struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
}

// Comment is one of a pull request's conversation.
type Comment struct {
	ID int64 `json:"id"`
	// NodeID is its id in GraphQL.
	NodeID string `json:"node_id"`
	URL    string `json:"html_url"`
	Body   string `json:"body"`
	User   User   `json:"user"`
}

// Stored is a comment of vpsync's own, with its marker.
type Stored struct {
	Comment
	Marker Marker
}

// Viewer is who the token belongs to. It asks by GraphQL, since the REST API does not tell an app's token who it is.
func (c *Client) Viewer(ctx context.Context) (User, error) {
	var data struct {
		Viewer actor `json:"viewer"`
	}
	if err := c.graph(ctx, "{ viewer { login databaseId } }", nil, &data); err != nil {
		return User{}, err
	}
	if data.Viewer.DatabaseID == 0 {
		return User{}, &Error{Method: http.MethodPost, Path: "/graphql", Message: "it does not say whose token it is"}
	}
	return data.Viewer.user(), nil
}

// actor is a user in GraphQL.
type actor struct {
	Login      string `json:"login"`
	DatabaseID int64  `json:"databaseId"`
}

func (a actor) user() User { return User{a.DatabaseID, a.Login} }

// Editor is who changed a comment last, or nil where nobody has, or GitHub does not tell. It asks by GraphQL: the REST API knows no editor.
func (c *Client) Editor(ctx context.Context, comment Comment) (*User, error) {
	var data struct {
		Node struct {
			Editor *actor `json:"editor"`
		} `json:"node"`
	}
	const query = "query($id: ID!) { node(id: $id) { ... on IssueComment { editor { login ... on Bot { databaseId } ... on User { databaseId } } } } }"
	if err := c.graph(ctx, query, map[string]string{"id": comment.NodeID}, &data); err != nil || data.Node.Editor == nil {
		return nil, err
	}
	u := data.Node.Editor.user()
	return &u, nil
}

// graph asks by GraphQL.
func (c *Client) graph(ctx context.Context, query string, variables map[string]string, data any) error {
	answer := struct {
		Data   any `json:"data"`
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}{Data: data}
	if err := c.call(ctx, http.MethodPost, c.graphql, true, map[string]any{"query": query, "variables": variables}, &answer); err != nil {
		return err
	}
	if len(answer.Errors) > 0 {
		return &Error{Method: http.MethodPost, Path: "/graphql", Message: answer.Errors[0].Message}
	}
	return nil
}

// Comments are those of a pull request, the oldest first.
func (c *Client) Comments(ctx context.Context, repository string, pull int) ([]Comment, error) {
	var all []Comment
	for page := 1; page <= mostPages; page++ {
		address, err := c.repos(repository, "/issues/%d/comments?per_page=100&page=%d", pull, page)
		if err != nil {
			return nil, err
		}
		var some []Comment
		if err := c.call(ctx, http.MethodGet, address, true, nil, &some); err != nil {
			return nil, err
		}
		if all = append(all, some...); len(some) < 100 {
			return all, nil
		}
	}
	return nil, fmt.Errorf("the pull request has more than %d comments", mostPages*100)
}

// Own are the comments about a stack that the token's own user wrote. A marker in anybody else's comment is nothing.
func (c *Client) Own(ctx context.Context, repository string, pull int, stack string) ([]Stored, error) {
	me, err := c.Viewer(ctx)
	if err != nil {
		return nil, err
	}
	all, err := c.Comments(ctx, repository, pull)
	if err != nil {
		return nil, err
	}
	var own []Stored
	for _, comment := range all {
		if comment.User.ID != me.ID {
			continue
		}
		if m, ok := ParseMarker(comment.Body); ok && m.Stack == stack {
			own = append(own, Stored{comment, m})
		}
	}
	return own, nil
}

// Put makes a text the comment about a stack: the one that is there is changed, and where there is none, one is made if make is set. It
// returns where the comment is, or "" without one. The marker becomes the first line of the text.
func (c *Client) Put(ctx context.Context, repository string, pull int, m Marker, text string, make bool) (string, error) {
	own, err := c.Own(ctx, repository, pull, m.Stack)
	if err != nil {
		return "", err
	}
	body := map[string]string{"body": m.String() + "\n" + text}
	if len(own) == 0 && !make {
		return "", nil
	}
	var written Comment
	if len(own) == 0 {
		address, err := c.repos(repository, "/issues/%d/comments", pull)
		if err != nil {
			return "", err
		}
		err = c.call(ctx, http.MethodPost, address, false, body, &written)
		var e *Error
		if errors.As(err, &e) && e.Unknown { // it may be there all the same
			if own, again := c.Own(ctx, repository, pull, m.Stack); again == nil && len(own) > 0 {
				return own[0].URL, nil
			}
		}
		return written.URL, err
	}
	address, err := c.repos(repository, "/issues/comments/%d", own[0].ID)
	if err != nil {
		return "", err
	}
	err = c.call(ctx, http.MethodPatch, address, true, body, &written)
	return written.URL, err
}
