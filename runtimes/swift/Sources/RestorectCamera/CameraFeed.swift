import AVFoundation
import CoreImage
import RestorectKit

/// The camera's frames, restored one after the other; frames that come while one is restored are dropped.
@MainActor
public final class CameraFeed: ObservableObject {
    /// The last restored frame.
    @Published public private(set) var image: CGImage?
    /// The same frame as the camera gave it.
    @Published public private(set) var before: CGImage?
    /// What went wrong, for the screen.
    @Published public private(set) var message: String?
    /// Milliseconds of the last frame.
    @Published public private(set) var milliseconds: Double = 0
    private let session = AVCaptureSession()
    private let queue = DispatchQueue(label: "restorect.frames")
    private var worker: FrameWorker?

    public init() {}

    /// Ask for the camera, load the artifact in the app's bundle and start.
    public func start(artifact: URL) async {
        guard await AVCaptureDevice.requestAccess(for: .video) else {
            message = "The camera was refused; allow it in Settings."
            return
        }
        do {
            let runtime = try await Runtime.load(artifact)
            try connect(VideoRestorer(runtime, priorEvery: 8, smooth: 0.5))
            let session = self.session
            queue.async { session.startRunning() }
        } catch {
            message = error.localizedDescription
        }
    }

    public func stop() {
        let session = self.session
        queue.async { session.stopRunning() }
    }

    private func connect(_ video: VideoRestorer) throws {
        guard let camera = AVCaptureDevice.default(for: .video) else {
            throw RestorectError.usage("this device has no camera")
        }
        let worker = FrameWorker(video) { [weak self] result in
            Task { @MainActor in self?.show(result) }
        }
        let output = AVCaptureVideoDataOutput()
        output.alwaysDiscardsLateVideoFrames = true
        let format = kCVPixelFormatType_420YpCbCr8BiPlanarFullRange
        output.videoSettings = [kCVPixelBufferPixelFormatTypeKey as String: format]
        output.setSampleBufferDelegate(worker, queue: queue)
        session.beginConfiguration()
        session.sessionPreset = .vga640x480
        session.addInput(try AVCaptureDeviceInput(device: camera))
        session.addOutput(output)
        session.commitConfiguration()
        self.worker = worker
    }

    private func show(_ result: Result<Shown, Error>) {
        switch result {
        case .success(let shown):
            image = shown.image
            before = shown.before
            milliseconds = shown.milliseconds
            message = nil
        case .failure(let error):
            message = error.localizedDescription
        }
    }
}

/// A restored frame for the screen.
struct Shown {
    let image: CGImage
    let before: CGImage
    let milliseconds: Double
}

/// Restores on the camera's queue.
final class FrameWorker: NSObject, AVCaptureVideoDataOutputSampleBufferDelegate {
    private let video: VideoRestorer
    private let context = CIContext()
    private let done: (Result<Shown, Error>) -> Void

    init(_ video: VideoRestorer, _ done: @escaping (Result<Shown, Error>) -> Void) {
        self.video = video
        self.done = done
    }

    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer, from connection: AVCaptureConnection
    ) {
        guard let frame = CMSampleBufferGetImageBuffer(sampleBuffer) else { return }
        do {
            let started = DispatchTime.now().uptimeNanoseconds
            let restored = try video.restore(frame)
            let spent = Double(DispatchTime.now().uptimeNanoseconds - started) / 1e6
            if let image = picture(restored), let before = picture(frame) {
                done(.success(Shown(image: image, before: before, milliseconds: spent)))
            }
        } catch {
            done(.failure(error))
        }
    }

    private func picture(_ frame: CVPixelBuffer) -> CGImage? {
        let image = CIImage(cvPixelBuffer: frame)
        return context.createCGImage(image, from: image.extent)
    }
}
