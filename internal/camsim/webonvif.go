package camsim

import (
	"crypto/sha1" // #nosec G505 -- what ONVIF prescribes
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// soapRequest is what the simulated device reads of an envelope.
type soapRequest struct {
	User    string `xml:"Header>Security>UsernameToken>Username"`
	Digest  string `xml:"Header>Security>UsernameToken>Password"`
	Nonce   string `xml:"Header>Security>UsernameToken>Nonce"`
	Created string `xml:"Header>Security>UsernameToken>Created"`
	Body    struct {
		Operation struct {
			XMLName      xml.Name
			ProfileToken string
		} `xml:",any"`
	} `xml:"Body"`
}

// onvif answers a SOAP request.
func (w *webServer) onvif(rw http.ResponseWriter, r *http.Request) {
	var req soapRequest
	if err := xml.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&req); err != nil {
		w.fault(rw, "WellFormed", "not well-formed")
		return
	}
	op := req.Body.Operation.XMLName.Local
	open := op == "GetSystemDateAndTime" || op == "GetServices" || op == "GetCapabilities"
	if !open && w.cfg.HTTPDigest && !w.admits(r) {
		rw.Header().Set("WWW-Authenticate", w.challenge().String())
		rw.WriteHeader(http.StatusUnauthorized)
		return
	}
	if !open && !w.cfg.HTTPDigest && !w.knows(req) {
		w.fault(rw, "NotAuthorized", "Sender not Authorized")
		return
	}
	media2 := req.Body.Operation.XMLName.Space == "http://www.onvif.org/ver20/media/wsdl"
	answer := w.answer(op, media2, req.Body.Operation.ProfileToken, r.Host)
	if answer == "" {
		w.fault(rw, "ActionNotSupported", "Optional Action Not Implemented")
		return
	}
	rw.Header().Set("Content-Type", "application/soap+xml; charset=utf-8")
	_, _ = fmt.Fprintf(rw, envelope, answer) // #nosec G705 -- SOAP, for programs
}

const envelope = `<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" ` +
	`xmlns:ter="http://www.onvif.org/ver10/error" xmlns:tt="http://www.onvif.org/ver10/schema" ` +
	`xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl" ` +
	`xmlns:tr2="http://www.onvif.org/ver20/media/wsdl"><SOAP-ENV:Body>%s</SOAP-ENV:Body></SOAP-ENV:Envelope>`

func (w *webServer) fault(rw http.ResponseWriter, code, text string) {
	rw.Header().Set("Content-Type", "application/soap+xml; charset=utf-8")
	rw.WriteHeader(http.StatusBadRequest)
	_, _ = fmt.Fprintf(rw, envelope, `<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:Sender</SOAP-ENV:Value><SOAP-ENV:Subcode><SOAP-ENV:Value>ter:`+
		code+`</SOAP-ENV:Value></SOAP-ENV:Subcode></SOAP-ENV:Code><SOAP-ENV:Reason><SOAP-ENV:Text xml:lang="en">`+text+`</SOAP-ENV:Text></SOAP-ENV:Reason></SOAP-ENV:Fault>`)
}

// tokenAge is how old a UsernameToken may be, or how far ahead of the time.
const tokenAge = 30 * time.Second

// knows checks a UsernameToken.
func (w *webServer) knows(req soapRequest) bool {
	user, password := w.camera.cfg.Username, w.camera.cfg.Password
	if user == "" && !w.cfg.Refuses {
		return true
	}
	nonce, err := base64.StdEncoding.DecodeString(req.Nonce)
	created, err2 := time.Parse(time.RFC3339, req.Created)
	sum := sha1.Sum([]byte(string(nonce) + req.Created + password)) // #nosec G401 -- WS-Security
	if err != nil || err2 != nil || w.cfg.Refuses || req.User != user ||
		req.Digest != base64.StdEncoding.EncodeToString(sum[:]) || w.now().Sub(created).Abs() > tokenAge {
		w.refused.Add(1)
		return false
	}
	return true
}

// now is the time by the camera's own clock.
func (w *webServer) now() time.Time { return time.Now().Add(w.cfg.Clock).UTC() }

// answer is the body of an answer, "" for what the device does not know.
func (w *webServer) answer(op string, media2 bool, profile, host string) string {
	// The address that it has in its own network, as behind a router.
	addr := "http://192.0.2.1"
	if _, port, err := net.SplitHostPort(host); err == nil {
		addr = "http://192.0.2.1:" + port
	}
	prefix := "trt"
	if media2 {
		prefix = "tr2"
	}
	switch {
	case media2 && w.cfg.MediaOnly:
	case op == "GetSystemDateAndTime":
		now := w.now()
		return fmt.Sprintf(`<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType><tt:UTCDateTime>`+
			`<tt:Time><tt:Hour>%d</tt:Hour><tt:Minute>%d</tt:Minute><tt:Second>%d</tt:Second></tt:Time>`+
			`<tt:Date><tt:Year>%d</tt:Year><tt:Month>%d</tt:Month><tt:Day>%d</tt:Day></tt:Date></tt:UTCDateTime>`+
			`</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>`,
			now.Hour(), now.Minute(), now.Second(), now.Year(), now.Month(), now.Day())
	case op == "GetDeviceInformation":
		maker, model := w.cfg.Maker, w.cfg.Model
		if maker == "" {
			maker, model = "Simulated", "Camera"
		}
		return `<tds:GetDeviceInformationResponse><tds:Manufacturer>` + maker + `</tds:Manufacturer><tds:Model>` + model +
			`</tds:Model><tds:FirmwareVersion>1.0</tds:FirmwareVersion><tds:SerialNumber>1</tds:SerialNumber><tds:HardwareId>1</tds:HardwareId></tds:GetDeviceInformationResponse>`
	case op == "GetServices" && !w.cfg.MediaOnly:
		return `<tds:GetServicesResponse>` + service("http://www.onvif.org/ver10/device/wsdl", addr+"/onvif/device_service") +
			service("http://www.onvif.org/ver10/media/wsdl", addr+"/onvif/media") +
			service("http://www.onvif.org/ver20/media/wsdl", addr+"/onvif/media2") + `</tds:GetServicesResponse>`
	case op == "GetCapabilities":
		return `<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Media><tt:XAddr>` + addr + `/onvif/media</tt:XAddr></tt:Media></tds:Capabilities></tds:GetCapabilitiesResponse>`
	case op == "GetProfiles":
		return w.profiles(media2)
	case op == "GetStreamUri":
		return w.streamURI(media2, profile)
	case op == "SetSynchronizationPoint":
		if profile == mainToken {
			w.keyFrame()
		}
		return `<` + prefix + `:SetSynchronizationPointResponse/>`
	}
	return ""
}

func service(namespace, addr string) string {
	return `<tds:Service><tds:Namespace>` + namespace + `</tds:Namespace><tds:XAddr>` + addr + `</tds:XAddr><tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version></tds:Service>`
}

// Tokens of the profiles: our stream and a smaller one.
const (
	mainToken = "profile_main"
	subToken  = "profile_sub"
)

func (w *webServer) profiles(media2 bool) string {
	v := w.camera.film.Video
	one := func(token, name string, width, height int) string {
		size := fmt.Sprintf(`<tt:Resolution><tt:Width>%d</tt:Width><tt:Height>%d</tt:Height></tt:Resolution><tt:RateControl><tt:FrameRateLimit>%d</tt:FrameRateLimit></tt:RateControl>`,
			width, height, v.FPS)
		if media2 {
			return fmt.Sprintf(`<tr2:Profiles token="%s" fixed="true"><tr2:Name>%s</tr2:Name><tr2:Configurations><tr2:VideoEncoder token="v" GovLength="300" Profile="Main"><tt:Name>v</tt:Name><tt:UseCount>1</tt:UseCount><tt:Encoding>%s</tt:Encoding>%s</tr2:VideoEncoder></tr2:Configurations></tr2:Profiles>`,
				token, name, v.Codec, size)
		}
		return fmt.Sprintf(`<trt:Profiles token="%s" fixed="true"><tt:Name>%s</tt:Name><tt:VideoEncoderConfiguration token="v"><tt:Name>v</tt:Name><tt:UseCount>1</tt:UseCount><tt:Encoding>%s</tt:Encoding>%s<tt:H264><tt:GovLength>300</tt:GovLength></tt:H264></tt:VideoEncoderConfiguration></trt:Profiles>`,
			token, name, v.Codec, size)
	}
	both := one(subToken, "sub", 320, 180) + one(mainToken, "main", v.Width, v.Height)
	if media2 {
		return `<tr2:GetProfilesResponse>` + both + `</tr2:GetProfilesResponse>`
	}
	return `<trt:GetProfilesResponse>` + both + `</trt:GetProfilesResponse>`
}

func (w *webServer) streamURI(media2 bool, profile string) string {
	u, err := url.Parse(w.camera.URL())
	if err != nil {
		return ""
	}
	u.Host = "192.0.2.1:" + u.Port()
	switch profile {
	case mainToken:
		u.RawQuery = "transportmode=unicast"
	case subToken:
		u.Path = "/sub"
	default:
		return ""
	}
	uri := strings.ReplaceAll(u.String(), "&", "&amp;")
	if media2 {
		return `<tr2:GetStreamUriResponse><tr2:Uri>` + uri + `</tr2:Uri></tr2:GetStreamUriResponse>`
	}
	return `<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>` + uri + `</tt:Uri></trt:MediaUri></trt:GetStreamUriResponse>`
}
