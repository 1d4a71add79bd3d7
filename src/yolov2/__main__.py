"""`python -m yolov2` is the command `yolov2`."""

from yolov2.cli.main import main

if __name__ == "__main__":
    main()
