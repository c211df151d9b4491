package bench

// Prices are in USD, of us-east-1, for functions on arm64 (AWS's price lists, November 2026).
type Prices struct {
	Transition float64 // a state transition of a Standard workflow
	GBSecond   float64 // Lambda's memory in use
	Request    float64 // a Lambda call
	S3Write    float64 // a PUT or LIST
	S3Read     float64 // a GET
}

// ListPrices are AWS's, without a free tier or a discount.
var ListPrices = Prices{
	Transition: 0.025 / 1000,
	GBSecond:   0.0000133334,
	Request:    0.20 / 1_000_000,
	S3Write:    0.005 / 1000,
	S3Read:     0.0004 / 1000,
}

// Cost gives what the usage costs, in USD.
func (r Result) Cost(p Prices) float64 {
	return float64(r.Transitions)*p.Transition + r.gbSeconds()*p.GBSecond + float64(sum(r.Invocations))*p.Request +
		float64(r.S3Writes)*p.S3Write + float64(r.S3Reads)*p.S3Read
}
