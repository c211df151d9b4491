package ec2gw

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// notAnAnswerError says that what came back with a 200 is not EC2's answer to the call. The SDK takes an empty body, and any
// well-formed document, for an empty result: a list that is silently empty, a deletion that nobody did. Whatever made it (a proxy, a
// connection that broke) may have let EC2 act.
type notAnAnswerError struct{ want, got string }

func (e *notAnAnswerError) Error() string {
	return fmt.Sprintf("the answer has the status 200, but it is %s instead of a %s", e.got, e.want)
}

// RetryableError has the SDK try again.
func (*notAnAnswerError) RetryableError() bool { return true }

// checkAnswers has every call of the client look at the root of what comes back, before the SDK reads it.
func checkAnswers(stack *middleware.Stack) error {
	return stack.Deserialize.Insert(middleware.DeserializeMiddlewareFunc("CheckAnswer", checkAnswer), "OperationDeserializer", middleware.After)
}

func checkAnswer(
	ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
) (middleware.DeserializeOutput, middleware.Metadata, error) {
	out, metadata, err := next.HandleDeserialize(ctx, in)
	response, ok := out.RawResponse.(*smithyhttp.Response)
	if err != nil || !ok || response.StatusCode != http.StatusOK {
		return out, metadata, err
	}
	var read bytes.Buffer
	got, err := root(io.TeeReader(response.Body, &read))
	if err != nil {
		return out, metadata, err
	}
	if want := middleware.GetOperationName(ctx) + "Response"; got != want {
		return out, metadata, &notAnAnswerError{want, got}
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(&read, response.Body), response.Body}
	return out, metadata, nil
}

// root gives the name of a document's root element, or says what it is instead. The error is the reader's.
func root(body io.Reader) (string, error) {
	for d := xml.NewDecoder(body); ; {
		token, err := d.Token()
		if _, malformed := errors.AsType[*xml.SyntaxError](err); malformed {
			return "not XML", nil
		}
		if errors.Is(err, io.EOF) {
			return "empty", nil
		}
		if err != nil {
			return "", fmt.Errorf("read the answer: %w", err)
		}
		if start, ok := token.(xml.StartElement); ok {
			return start.Name.Local, nil
		}
	}
}
