import RestorectCamera
import RestorectKit
import SwiftUI

@main
struct RestorectApp: App {
    var body: some Scene {
        WindowGroup {
            if let artifact = RestorectApp.artifact {
                TabView {
                    CameraScreen(artifact: artifact).tabItem { Label("Camera", systemImage: "camera") }
                    PhotoScreen(artifact: artifact).tabItem { Label("Photo", systemImage: "photo") }
                }
            } else {
                Text("No artifact in the app: export one to runtimes/swift/App/artifacts, as its README says, and build again.")
                    .padding()
            }
        }
    }

    /// The first artifact of the app's folder of them.
    private static var artifact: URL? {
        guard let folder = Bundle.main.url(forResource: "artifacts", withExtension: nil) else { return nil }
        let found = try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return found?.sorted { $0.path < $1.path }.first { artifact in
            FileManager.default.fileExists(atPath: artifact.appendingPathComponent("manifest.json").path)
        }
    }
}
