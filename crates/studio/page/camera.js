// The camera. Its pictures stay in the page, except those that are sent to the studio's own server.

/** @returns {Promise<MediaStream>} */
export async function openCamera() {
  if (!navigator.mediaDevices) throw new Error("This browser gives no camera to this page");
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 } }, audio: false });
  } catch (error) {
    throw new Error(words(error instanceof DOMException ? error.name : ""));
  }
}

/** @param {string} name */
function words(name) {
  if (name === "NotAllowedError") return "The browser was not allowed to use the camera: allow it beside the address of this page, then try again";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "There is no camera on this computer; pictures can be dropped instead";
  if (name === "NotReadableError") return "Another program uses the camera: close it, then try again";
  return "The camera cannot be opened";
}

/** @param {HTMLVideoElement} video */
export function closeCamera(video) {
  for (const track of /** @type {MediaStream | null} */ (video.srcObject)?.getTracks() ?? []) track.stop();
  video.srcObject = null;
}

/**
 * Encodes a frame as JPEG.
 * @param {HTMLVideoElement} video @param {OffscreenCanvas} canvas is reused
 * @param {number} shorter the limit on the pixels of the shorter side @param {number} quality
 */
export function grab(video, canvas, shorter, quality) {
  const scale = Math.min(1, shorter / Math.min(video.videoWidth, video.videoHeight));
  const width = Math.round(video.videoWidth * scale);
  const height = Math.round(video.videoHeight * scale);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
  context.imageSmoothingQuality = "high";
  context.drawImage(video, 0, 0, width, height);
  return canvas.convertToBlob({ type: "image/jpeg", quality });
}

/** Waits for the next new frame. @param {HTMLVideoElement} video */
export function nextFrame(video) {
  return /** @type {Promise<void>} */ (
    new Promise((resolve) => {
      if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(() => resolve());
      else requestAnimationFrame(() => resolve());
    })
  );
}

/** @param {HTMLVideoElement} video */
export function hasFrame(video) {
  return video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && video.videoWidth > 0;
}
