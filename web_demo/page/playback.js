// Reads the frames of a playing video one at a time. Frames that come while one is read are skipped;
// a slow file is stopped while a frame is read, so few are skipped, or none.
import { endVideo, onCanvas } from "./sources.js";

// Time for the page to stop a file before its next frame comes.
const SLOW_RATE = 0.25;

export class Playback {
  // Args: video: ready to play; live: whether it is the camera; read: async (frame canvas, timestamp s) -> void;
  // onEnd: called when a file ends, or the camera stops by itself.
  constructor(video, { live, read, onEnd }) {
    Object.assign(this, { video, live, read, onEnd, slow: false, playing: false, closed: false, busy: false, missed: false, waiting: false });
    this.canvases = [undefined, undefined];
    this.last = NaN; // media time of the last frame
    this.stopped = new AbortController();
    const { signal } = this.stopped;
    video.addEventListener("ended", () => this.end(), { signal });
    video.addEventListener("seeked", () => !this.playing && this.still(), { signal });
    video.srcObject?.getVideoTracks()[0]?.addEventListener("ended", () => this.end(), { signal });
  }

  async play() {
    if (this.video.ended) this.video.currentTime = 0;
    this.playing = true;
    await this.run();
  }

  pause() {
    this.playing = false;
    this.video.pause();
  }

  close() {
    this.playing = false;
    this.closed = true;
    this.stopped.abort();
    endVideo(this.video);
  }

  async run() {
    this.video.playbackRate = this.slow && !this.live ? SLOW_RATE : 1;
    await this.video.play().catch(() => {}); // a pause or a close that comes first is no error
    if (this.closed || this.waiting) return;
    this.waiting = true;
    const taken = (_, metadata) => {
      this.waiting = false;
      this.take(metadata?.mediaTime);
    };
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(taken);
    else requestAnimationFrame(() => taken());
  }

  async take(mediaTime) {
    if (this.slow && !this.live && !this.video.ended) this.video.pause();
    if (this.live || mediaTime === undefined || mediaTime !== this.last) await this.still(mediaTime);
    if (!this.playing) return;
    // A file that is stopped at its end tells no end, and would begin anew.
    if (this.video.ended) this.end();
    else await this.run();
  }

  end() {
    this.playing = false;
    this.onEnd();
  }

  // Reads the frame that is shown now; one that is sought meanwhile, next.
  async still(mediaTime = this.video.currentTime) {
    if (this.closed) return;
    this.missed = this.busy;
    if (this.busy) return;
    this.busy = true;
    this.last = mediaTime;
    // Two canvases in turn: the one on the stage stays as it was read.
    this.canvases.reverse();
    const { video } = this;
    this.canvases[0] = onCanvas(video, video.videoWidth, video.videoHeight, this.canvases[0]);
    try {
      await this.read(this.canvases[0], mediaTime);
    } finally {
      this.busy = false;
    }
    // A playing video goes on by itself, and one that is sought anew tells when it is there.
    if (this.missed && !this.playing && !this.video.seeking) await this.still();
  }
}
