"""YOLO on a video file or camera: boxes and the network's own time on every frame.

    python yolo_video.py --input cars.mp4 --cfg yolov2-tiny.cfg --weights yolov2-tiny.weights --names coco.names

Boxes of different classes may overlap.
"""

import argparse
import json
import sys

import cv2
import numpy as np

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--input", default="0", help="video file, or the number of a camera")
parser.add_argument("--cfg", required=True)
parser.add_argument("--weights", required=True)
parser.add_argument("--names", required=True)
parser.add_argument("--width", type=int, default=416)
parser.add_argument("--height", type=int, default=416)
parser.add_argument("--scale", type=float, default=1 / 255)
parser.add_argument("--mean", type=float, nargs=3, default=(0, 0, 0))
parser.add_argument("--thr", type=float, default=0.5)
parser.add_argument("--nms", type=float, default=0.4)
parser.add_argument("--start", type=int, default=0, help="the first frame of a file")
parser.add_argument("--frames", type=int, help="stop after so many")
parser.add_argument("--output", help="an .avi file")


def postprocess(outs, frame_width, frame_height, thr, nms):
    """(class id, score, left, top, width, height) of what is left after suppression, class by class."""
    rows = np.concatenate(outs)
    class_ids = np.argmax(rows[:, 5:], axis=1)
    scores = rows[np.arange(len(rows)), 5 + class_ids]
    sizes = rows[:, 2:4] * (frame_width, frame_height)
    corners = rows[:, 0:2] * (frame_width, frame_height) - sizes / 2
    found = []
    for class_id in np.unique(class_ids[scores > thr]):
        chosen = np.where((class_ids == class_id) & (scores > thr))[0]
        boxes = np.hstack([corners[chosen], sizes[chosen]]).astype(int).tolist()
        for i in cv2.dnn.NMSBoxes(boxes, scores[chosen].tolist(), thr, nms):
            found.append((int(class_id), float(scores[chosen][i]), *boxes[i]))
    return found


def main():
    args = parser.parse_args()
    with open(args.names) as file:
        names = file.read().splitlines()

    net = cv2.dnn.readNet(args.weights, args.cfg)
    out_names = net.getUnconnectedOutLayersNames()
    capture = cv2.VideoCapture(int(args.input) if args.input.isdigit() else args.input)
    capture.set(cv2.CAP_PROP_POS_FRAMES, args.start)
    writer = None
    number = 0
    while args.frames is None or number < args.frames:
        has_frame, frame = capture.read()
        if not has_frame:
            break
        frame_height, frame_width = frame.shape[:2]
        blob = cv2.dnn.blobFromImage(frame, size=(args.width, args.height), swapRB=True, ddepth=cv2.CV_8U)
        net.setInput(blob, scalefactor=args.scale, mean=tuple(args.mean))
        outs = net.forward(out_names)
        found = postprocess(outs, frame_width, frame_height, args.thr, args.nms)
        for class_id, score, left, top, width, height in found:
            cv2.rectangle(frame, (left, top), (left + width, top + height), (0, 255, 0), 2)
            cv2.putText(frame, f"{names[class_id]}: {score:.2f}", (left, max(top - 5, 12)), 0, 0.5, (0, 255, 0), 1)
        ticks, _ = net.getPerfProfile()
        text = f"Inference time: {ticks * 1000.0 / cv2.getTickFrequency():.2f} ms"
        cv2.putText(frame, text, (5, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 255), 2)
        print(json.dumps({"frame": args.start + number, "found": found}))
        if args.output:
            if writer is None:
                fps = capture.get(cv2.CAP_PROP_FPS) or 25
                fourcc = cv2.VideoWriter_fourcc(*"MJPG")
                writer = cv2.VideoWriter(args.output, fourcc, fps, (frame_width, frame_height))
            writer.write(frame)
        number += 1
    capture.release()
    if writer is not None:
        writer.release()
    print(f"{number} frames", file=sys.stderr)


if __name__ == "__main__":
    main()
