import SwiftUI

/// A live, restored camera picture; put it into an app whose Info.plist has `NSCameraUsageDescription`.
public struct CameraScreen: View {
    @StateObject private var feed = CameraFeed()
    private let artifact: URL

    /// - Parameter artifact: the artifact's folder, for example in the app's bundle.
    public init(artifact: URL) {
        self.artifact = artifact
    }

    public var body: some View {
        ZStack(alignment: .bottom) {
            Color.black.ignoresSafeArea()
            if let image = feed.image, let before = feed.before {
                BeforeAfter(before: before, after: image)
            }
            Text(feed.message ?? String(format: "%.1f ms", feed.milliseconds))
                .padding()
                .foregroundStyle(.white)
        }
        .task { await feed.start(artifact: artifact) }
        .onDisappear { feed.stop() }
    }
}
