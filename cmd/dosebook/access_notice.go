package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/pipelines"
)

// How often serve looks for notices of access, how early it tells of a grant
// that expires, and how long one delivery may take.
const (
	noticePause = time.Minute
	noticeSpan  = 30 * 24 * time.Hour
	noticeSend  = 30 * time.Second
)

// tellStewards takes notices of access to the configured channels until ctx
// ends. What fails is logged and sent a minute later.
func (e *env) tellStewards(ctx context.Context, s *access.Store, log *slog.Logger) {
	channels, err := e.config.Notify.channels()
	if err != nil || len(channels) == 0 {
		return // config check says what is wrong with them
	}
	tick := time.NewTicker(noticePause)
	defer tick.Stop()
	for {
		if err := tell(ctx, s, channels); err != nil && ctx.Err() == nil {
			log.Error("access notice not delivered", "err", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tell sends each channel what it has not had.
func tell(ctx context.Context, s *access.Store, channels []pipelines.Channel) error {
	_, err := s.Due(ctx, noticeSpan)
	errs := []error{err}
	for _, c := range channels {
		unsent, err := s.Unsent(ctx, c.Name())
		errs = append(errs, err)
		for _, n := range unsent {
			within, stop := context.WithTimeout(ctx, noticeSend)
			err := c.Send(within, pipelines.Notice{ID: n.ID, Kind: n.Kind, Day: n.Day, About: n.About, Says: n.Says, Raised: n.Raised})
			stop()
			if err == nil {
				err = s.Sent(ctx, n.ID, c.Name())
			}
			if err != nil {
				errs = append(errs, err)
				break
			}
		}
	}
	return errors.Join(errs...)
}
