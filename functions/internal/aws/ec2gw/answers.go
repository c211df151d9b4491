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

// notAnAnswerError reports a 2xx response that did not come from EC2. The SDK takes every status from 200 to 299 for a success, and an empty body or
// any other XML document for an empty result: a list would be empty, and a deletion would seem done. The response may come from a proxy or a
// broken connection, and EC2 may have acted.
type notAnAnswerError struct {
	status    int
	want, got string
}

func (e *notAnAnswerError) Error() string {
	return fmt.Sprintf("the response has the status %d and is %s; EC2 responds with the status %d and a %s", e.status, e.got, http.StatusOK, e.want)
}

// RetryableError makes the SDK retry.
func (*notAnAnswerError) RetryableError() bool { return true }

// checkAnswers makes the client check the status and the root element of each response before the SDK reads it.
func checkAnswers(stack *middleware.Stack) error {
	return stack.Deserialize.Insert(middleware.DeserializeMiddlewareFunc("CheckAnswer", checkAnswer), "OperationDeserializer", middleware.After)
}

func checkAnswer(
	ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
) (middleware.DeserializeOutput, middleware.Metadata, error) {
	out, metadata, err := next.HandleDeserialize(ctx, in)
	response, ok := out.RawResponse.(*smithyhttp.Response)
	if err != nil || !ok || response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusMultipleChoices {
		return out, metadata, err // the SDK makes an error of any other status
	}
	var read bytes.Buffer
	got, err := root(io.TeeReader(response.Body, &read))
	if err != nil {
		return out, metadata, err
	}
	if want := middleware.GetOperationName(ctx) + "Response"; got != want || response.StatusCode != http.StatusOK {
		return out, metadata, &notAnAnswerError{response.StatusCode, want, got}
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(&read, response.Body), response.Body}
	return out, metadata, nil
}

// root gives the name of a document's root element, or what the document is instead. Its error is the reader's.
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
			return "", fmt.Errorf("read the response: %w", err)
		}
		if start, ok := token.(xml.StartElement); ok {
			return start.Name.Local, nil
		}
	}
}
