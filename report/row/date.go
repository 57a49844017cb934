package row

import "time"

// Date is a day in UTC, as the number of days since 1970-01-01. The zero Date
// means "no day". That is safe because CloudTrail is younger than 1970.
type Date int32

const secondsOfDay = 24 * 60 * 60

// DateOf returns the UTC day of a moment.
func DateOf(t time.Time) Date {
	s := t.Unix()
	d := s / secondsOfDay
	if s%secondsOfDay < 0 {
		d--
	}
	return Date(d)
}

// Time returns the first moment of the day, in UTC.
func (d Date) Time() time.Time { return time.Unix(int64(d)*secondsOfDay, 0).UTC() }

// String returns YYYY-MM-DD, or an empty text for the zero Date.
func (d Date) String() string { return string(d.AppendDate(nil)) }

// AppendDate appends what String returns.
func (d Date) AppendDate(dst []byte) []byte {
	if d == 0 {
		return dst
	}
	return d.Time().AppendFormat(dst, time.DateOnly)
}
