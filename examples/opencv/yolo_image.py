"""YOLO on one picture with OpenCV's dnn module, step by step: blob, forward, threshold, suppression, drawing.

    python yolo_image.py dog.jpg --cfg yolov2-tiny-voc.cfg --weights yolov2-tiny-voc.weights --names voc.names

The class with the highest score names a box; boxes that overlap count as one, whatever their classes.
"""

import argparse
import json

import cv2
import numpy as np


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image")
    parser.add_argument("--cfg", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--names", required=True)
    parser.add_argument("--size", type=int, nargs=2, default=(416, 416), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--confidence", type=float, default=0.5)
    parser.add_argument("--nms", type=float, default=0.4)
    parser.add_argument("--output", help="write the picture with its boxes to this file")
    args = parser.parse_args()

    with open(args.names) as file:
        labels = file.read().strip().split("\n")
    np.random.seed(24)
    colors = np.random.randint(0, 255, size=(len(labels), 3), dtype="uint8")

    net = cv2.dnn.readNetFromDarknet(args.cfg, args.weights)
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    net.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)
    layer_names = net.getLayerNames()
    try:
        output_names = [layer_names[i[0] - 1] for i in net.getUnconnectedOutLayers()]  # before OpenCV 4.5.4
    except IndexError:
        output_names = [layer_names[i - 1] for i in net.getUnconnectedOutLayers()]

    image = cv2.imread(args.image)
    if image is None:
        raise SystemExit(f"cannot read {args.image}")
    height, width = image.shape[:2]
    blob = cv2.dnn.blobFromImage(image, 1 / 255.0, tuple(args.size), swapRB=True, crop=False)
    net.setInput(blob)
    layer_outputs = net.forward(output_names)

    boxes, confidences, class_ids = [], [], []
    for output in layer_outputs:
        for detection in output:
            scores = detection[5:]
            class_id = int(np.argmax(scores))
            confidence = float(scores[class_id])
            if confidence > args.confidence:
                center_x, center_y, w, h = detection[0:4] * np.array([width, height, width, height])
                boxes.append([int(center_x - w / 2), int(center_y - h / 2), int(w), int(h)])
                confidences.append(confidence)
                class_ids.append(class_id)

    keep = cv2.dnn.NMSBoxes(boxes, confidences, args.confidence, args.nms)
    for i in np.array(keep).flatten():
        x, y, w, h = boxes[i]
        label = labels[class_ids[i]]
        print(json.dumps({"id": class_ids[i], "class": label, "score": round(confidences[i], 6), "box": boxes[i]}))
        color = [int(c) for c in colors[class_ids[i]]]
        cv2.rectangle(image, (x, y), (x + w, y + h), color, 2)
        text = f"{label}: {confidences[i]:.4f}"
        cv2.putText(image, text, (x, max(y - 5, 15)), cv2.FONT_HERSHEY_SIMPLEX, 0.6, color, 2)
    if args.output:
        cv2.imwrite(args.output, image)


if __name__ == "__main__":
    main()
