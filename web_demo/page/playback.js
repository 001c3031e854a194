// Reads the frames of a playing video one at a time; frames that come while one is read are skipped.
import { endVideo, onCanvas } from "./sources.js";

const SLOWEST = 0.0625; // browsers play no slower

export class Playback {
  // Args: video: ready to play; live: whether it is the camera; read: async (frame canvas, timestamp s) -> void;
  // onEnd: called when a file ends, or the camera stops by itself (with true).
  constructor(video, { live, read, onEnd }) {
    Object.assign(this, { video, live, read, onEnd, everyFrame: false, closed: false, busy: false });
    this.canvases = [undefined, undefined];
    this.dropped = 0;
    this.presented = null;
    this.stopped = new AbortController();
    const { signal } = this.stopped;
    video.addEventListener("ended", () => onEnd(false), { signal });
    video.addEventListener("seeked", () => this.video.paused && this.still(), { signal });
    const [track] = video.srcObject?.getVideoTracks() ?? [];
    track?.addEventListener("ended", () => onEnd(true), { signal });
  }

  async play() {
    if (this.video.ended) this.video.currentTime = 0;
    this.presented = null;
    await this.video.play().catch(() => {}); // a pause or a close that comes first is no error
    this.next();
  }

  pause() {
    this.video.pause();
  }

  close() {
    this.closed = true;
    this.stopped.abort();
    endVideo(this.video);
  }

  next() {
    if (this.closed || this.waiting) return;
    this.waiting = true;
    const taken = (_, metadata) => {
      this.waiting = false;
      this.pace(metadata?.presentedFrames);
      this.still(metadata?.mediaTime).then(() => !this.video.paused && this.next());
    };
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(taken);
    else requestAnimationFrame(() => taken());
  }

  // Reads the frame that is shown now.
  async still(mediaTime = this.video.currentTime) {
    if (this.closed || this.busy) return;
    this.busy = true;
    // Two canvases in turn: the one on the stage stays as it was read.
    this.canvases.reverse();
    const { video } = this;
    this.canvases[0] = onCanvas(video, video.videoWidth, video.videoHeight, this.canvases[0]);
    try {
      await this.read(this.canvases[0], mediaTime);
    } finally {
      this.busy = false;
    }
  }

  // Slows a file down while frames are skipped, if every frame is wanted.
  pace(presented) {
    if (this.live) return;
    const skipped = presented !== undefined && this.presented !== null ? presented - this.presented - 1 : 0;
    this.presented = presented ?? null;
    this.dropped += this.everyFrame ? skipped : 0;
    if (!this.everyFrame) this.video.playbackRate = 1;
    else if (skipped > 0) this.video.playbackRate = Math.max(SLOWEST, this.video.playbackRate * 0.7);
  }
}
