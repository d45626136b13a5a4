package ingress

import (
	"context"

	"github.com/livekit/protocol/livekit"
)

// Ensure returns the WHIP endpoint of a camera. It looks for the camera's
// ingress by spec.Name, adopts it, sets right what differs, and makes one if
// there is none. Doubles are deleted. Calls for the same name and room wait for
// each other.
//
// With a site's name in its marker an ingress is the camera's in whatever room it
// is found: a camera that has moved takes its ingress along, and a site that has
// been given a name takes over what it had before; see Marker. One through which
// somebody publishes is left where it is.
//
// Call it before each WHIP session: an answer is not good for ever, somebody
// may delete the ingress. It makes one request when nothing has changed.
//
// An ingress that somebody has disabled in LiveKit is left so: that is an error
// of reason Disabled.
func (c *Client) Ensure(ctx context.Context, spec Spec) (Endpoint, error) {
	if err := spec.check("ingress", true); err != nil {
		return Endpoint{}, err
	}
	if spec.WHIPURL != "" { // found out before anything is made
		if _, err := whipURL("", spec.WHIPURL); err != nil {
			return Endpoint{}, err
		}
	}
	release, err := c.locks.acquire(ctx, spec.Room+"\x00"+spec.Name)
	if err != nil {
		return Endpoint{}, c.explain(ctx, "ListIngress", err)
	}
	defer release()

	inRoom, err := c.list(ctx, spec.Room)
	if err != nil {
		return Endpoint{}, err
	}
	info := c.choose(ctx, spec, inRoom)
	if info == nil {
		if info, err = c.adopt(ctx, spec, inRoom); err != nil {
			return Endpoint{}, err
		}
	}
	if info != nil && mustReplace(info, spec) {
		if err := c.Delete(ctx, info.GetIngressId()); err != nil {
			return Endpoint{}, err
		}
		c.logDone(ctx, "ingress deleted to be made anew", info)
		info = nil
	}
	if info == nil {
		if info, err = c.create(ctx, spec); err != nil {
			return Endpoint{}, err
		}
	}
	if info, err = c.repair(ctx, spec, info); err != nil {
		return Endpoint{}, err
	}
	return c.endpoint(spec, info)
}

// mustReplace finds what an update cannot mend: LiveKit takes an empty string
// for "unchanged", and stores the URL when an ingress is made, so one made
// before whip_base_url was set right never gets it. A live one is left alone.
func mustReplace(info *livekit.IngressInfo, spec Spec) bool {
	if stateOf(info).Live() {
		return false
	}
	if spec.Metadata == "" && info.GetParticipantMetadata() != "" {
		return true
	}
	_, err := whipURL(info.GetUrl(), spec.WHIPURL)
	return err != nil || info.GetStreamKey() == ""
}

// create makes the ingress. The request is sent once: if its answer is lost the
// ingress may exist, so what is there is looked at, and making another is left
// to the next Ensure, which looks first too.
func (c *Client) create(ctx context.Context, spec Spec) (*livekit.IngressInfo, error) {
	transcode := false
	info, err := call(ctx, c, "CreateIngress", false, c.ingress.CreateIngress, &livekit.CreateIngressRequest{
		InputType:           livekit.IngressInput_WHIP_INPUT,
		Name:                spec.Name,
		RoomName:            spec.Room,
		ParticipantIdentity: spec.Identity,
		ParticipantName:     spec.displayName(),
		ParticipantMetadata: spec.Metadata,
		EnableTranscoding:   &transcode,
		// Viewers show tracks by their source; an Ingress that terminates the
		// session itself leaves it unknown unless told.
		Video: &livekit.IngressVideoOptions{Name: "camera", Source: livekit.TrackSource_CAMERA},
		Audio: &livekit.IngressAudioOptions{Name: "microphone", Source: livekit.TrackSource_MICROPHONE},
	})
	if err == nil && (info.GetIngressId() == "" || info.GetStreamKey() == "") {
		err = c.notLiveKit("CreateIngress", "an answer without an ingress in it")
	}
	if err != nil {
		if ctx.Err() != nil || !mayHaveHappened(err) {
			return nil, err
		}
		found, ferr := c.find(ctx, spec)
		if ferr != nil || found == nil {
			return nil, err
		}
		c.logDone(ctx, "ingress made although the answer was lost", found)
		return found, nil
	}
	c.logDone(ctx, "ingress made", info)
	// Another box with the same file may have made one in the same moment:
	// both look, and both keep the same one.
	if found, err := c.find(ctx, spec); err == nil && found != nil {
		return found, nil
	}
	return info, nil
}

// repair updates what differs. An update ends a live session, so there is none
// where nothing differs.
func (c *Client) repair(ctx context.Context, spec Spec, info *livekit.IngressInfo) (*livekit.IngressInfo, error) {
	if info.Enabled != nil && !info.GetEnabled() {
		return nil, &Error{
			Op: "ingress " + info.GetIngressId(), URL: c.url, Reason: Disabled, detail: "disabled in LiveKit",
			hint: "enable the ingress in LiveKit, or delete it there to have it made anew",
		}
	}
	req, changed := update(spec, info)
	if len(changed) == 0 {
		return info, nil
	}
	updated, err := call(ctx, c, "UpdateIngress", true, c.ingress.UpdateIngress, req)
	if err != nil {
		return nil, err
	}
	c.log.InfoContext(ctx, "ingress updated", "ingress", info.GetIngressId(), "name", spec.Name, "changed", changed, "was", stateOf(info))
	if updated.GetStreamKey() == "" || updated.GetUrl() == "" {
		// Neither can change in an update; an answer may leave them out.
		updated.StreamKey, updated.Url = info.GetStreamKey(), info.GetUrl()
	}
	return updated, nil
}

// update is the request that makes info fit spec, and what it changes.
func update(spec Spec, info *livekit.IngressInfo) (req *livekit.UpdateIngressRequest, changed []string) {
	req = &livekit.UpdateIngressRequest{IngressId: info.GetIngressId()}
	set := func(field string, to *string, want, have string) {
		if want != "" && want != have {
			*to = want
			changed = append(changed, field)
		}
	}
	set("name", &req.Name, spec.Name, info.GetName())
	set("room", &req.RoomName, spec.Room, info.GetRoomName())
	set("identity", &req.ParticipantIdentity, spec.Identity, info.GetParticipantIdentity())
	set("display name", &req.ParticipantName, spec.displayName(), info.GetParticipantName())
	set("metadata", &req.ParticipantMetadata, spec.Metadata, info.GetParticipantMetadata())
	transcoding := info.GetEnableTranscoding()
	if info.EnableTranscoding == nil {
		//lint:ignore SA1019 servers before v1.6 have no other field
		transcoding = !info.GetBypassTranscoding()
	}
	if transcoding {
		off := false
		req.EnableTranscoding = &off
		changed = append(changed, "transcoding")
	}
	return req, changed
}

// endpoint turns info into where to POST.
func (c *Client) endpoint(spec Spec, info *livekit.IngressInfo) (Endpoint, error) {
	u, err := whipURL(info.GetUrl(), spec.WHIPURL)
	if err != nil {
		return Endpoint{}, err
	}
	return Endpoint{
		IngressID: info.GetIngressId(), URL: u,
		StreamKey: StreamKey(info.GetStreamKey()), State: stateOf(info),
	}, nil
}

func (c *Client) logDone(ctx context.Context, msg string, info *livekit.IngressInfo) {
	c.log.InfoContext(ctx, msg, "ingress", info.GetIngressId(), "name", info.GetName(), "room", info.GetRoomName())
}
