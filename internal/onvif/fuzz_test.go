package onvif

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"unicode"
)

// Nothing that a device answers makes the client fall over, hang, or speak to
// another host.
func FuzzAnswer(f *testing.F) {
	f.Add(200, `<Envelope><Body><GetProfilesResponse><Profiles token="a"><Name>x</Name><VideoEncoderConfiguration><Encoding>H264</Encoding><Resolution><Width>640</Width><Height>-1</Height></Resolution></VideoEncoderConfiguration></Profiles></GetProfilesResponse></Body></Envelope>`)
	f.Add(400, `<s:Envelope xmlns:s="x"><s:Body><s:Fault><s:Code><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode></s:Code></s:Fault></s:Body></s:Envelope>`)
	f.Add(200, `<?xml version="1.0" encoding="gb2312"?><Envelope><Body><GetSystemDateAndTimeResponse><SystemDateAndTime><UTCDateTime><Time><Hour>99</Hour></Time><Date><Year>1e9</Year></Date></UTCDateTime></SystemDateAndTime></GetSystemDateAndTimeResponse></Body></Envelope>`)
	f.Add(200, `<Envelope><Body><GetServicesResponse><Service><Namespace>http://www.onvif.org/ver10/media/wsdl</Namespace><XAddr>http://evil/x</XAddr></Service></GetServicesResponse></Body></Envelope>`)
	f.Add(200, strings.Repeat("<a>", 60))
	device, err := url.Parse("http://10.0.0.11/onvif/device_service")
	if err != nil {
		f.Fatal(err)
	}
	c := &Client{device: device}
	f.Fuzz(func(t *testing.T, status int, body string) {
		var res struct {
			Info     Information `xml:"Body>GetDeviceInformationResponse"`
			UTC      *dateTime   `xml:"Body>GetSystemDateAndTimeResponse>SystemDateAndTime>UTCDateTime"`
			XAddr    string      `xml:"Body>GetServicesResponse>Service>XAddr"`
			URI      string      `xml:"Body>GetStreamUriResponse>Uri"`
			Profiles []struct {
				Token   string   `xml:"token,attr"`
				Name    string   `xml:"Name"`
				Encoder *encoder `xml:"VideoEncoderConfiguration"`
			} `xml:"Body>GetProfilesResponse>Profiles"`
		}
		if err := decode(status, []byte(body), &res); err != nil {
			return
		}
		if res.UTC != nil {
			res.UTC.time()
		}
		if u := c.here(res.XAddr); u != nil && u.Hostname() != "10.0.0.11" {
			t.Errorf("%q leads to %s", res.XAddr, u)
		}
		if uri, err := c.rtspHere(res.URI); err == nil {
			u, err := url.Parse(uri)
			if err != nil || u.Hostname() != "10.0.0.11" || u.User != nil {
				t.Errorf("%q leads to %s", res.URI, uri)
			}
		}
		for _, p := range res.Profiles {
			var out Profile
			out.take(p.Token, p.Name, p.Encoder, nsMedia)
			if out.Width < 0 || out.Height < 0 || strings.ContainsFunc(out.Name+out.Codec, unicode.IsControl) {
				t.Errorf("%+v", out)
			}
		}
	})
}

// Nothing that comes in a datagram leads anywhere but to its sender.
func FuzzProbeMatch(f *testing.F) {
	f.Add(match("urn:1", "http://10.0.0.1/onvif http://evil/"))
	f.Add(match("urn:1", "http://[fe80::1%25eth0]:80/x https://10.0.0.2:8443"))
	f.Add(match("urn:2", ""))
	f.Add("<")
	from := netip.MustParseAddr("10.0.0.1")
	f.Fuzz(func(t *testing.T, datagram string) {
		for _, found := range parseMatches([]byte(datagram), from, map[string]bool{"urn:1": true}) {
			u, err := url.Parse(found.URL)
			if err != nil || u.Hostname() != "10.0.0.1" || found.Address != from {
				t.Errorf("%+v", found)
			}
			if strings.ContainsFunc(found.Name+found.Hardware+found.Location, unicode.IsControl) {
				t.Errorf("%+v", found)
			}
		}
	})
}
