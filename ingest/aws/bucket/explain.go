package bucket

import (
	"net/http"
	"strings"

	"trailgate/ingest/aws/answer"
)

// kmsPrefix begins the codes that S3 passes on from the Key Management Service.
const kmsPrefix = "KMS."

// Explain puts into words what S3 answered to a request that needs the IAM action,
// such as "s3:GetObject". The words do not name the object. If S3 denied the
// request, the result is a *answer.DeniedError with the action that is missing.
// answer.Parse works on the result. nil stays nil.
func Explain(err error, action string) error {
	if err == nil {
		return nil
	}
	a := answer.Parse(err)
	switch a.Kind {
	case answer.Transport, answer.Throttled, answer.Refused, answer.Denied:
		if isDenied(a) {
			return &answer.DeniedError{Action: missingAction(a, action), Err: a}
		}
	}
	return answer.Explain(a)
}

// isDenied reports whether an answer says that the caller may not do this. An
// answer with the status 403 always does, whatever its code is. So does every error
// of the Key Management Service.
func isDenied(a *answer.Error) bool {
	return a.Status == http.StatusForbidden || a.Code == "AccessDenied" || a.Code == "AllAccessDisabled" ||
		strings.HasPrefix(a.Code, kmsPrefix) || strings.Contains(a.Message, "kms:Decrypt")
}

// missingAction is the action that the answer names. If it names none, it is the
// action of the request, or the one that the key of the bucket needs.
func missingAction(a *answer.Error, action string) string {
	for _, named := range []string{"kms:GenerateDataKey", "kms:Decrypt", "s3:ListBucket", "s3:PutObject", "s3:GetObject", "s3:DeleteObject"} {
		if strings.Contains(a.Message, named) {
			return named
		}
	}
	switch {
	case !strings.HasPrefix(a.Code, kmsPrefix):
		return action
	case action == "s3:PutObject":
		return "kms:GenerateDataKey"
	}
	return "kms:Decrypt"
}
