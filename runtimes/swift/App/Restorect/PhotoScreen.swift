import PhotosUI
import RestorectCamera
import SwiftUI

/// Choose a photograph, see it before and after, share the result.
struct PhotoScreen: View {
    @StateObject private var model: PhotoModel
    @State private var chosen: PhotosPickerItem?

    init(artifact: URL) {
        _model = StateObject(wrappedValue: PhotoModel(artifact: artifact))
    }

    var body: some View {
        VStack {
            if let before = model.before, let after = model.after {
                BeforeAfter(before: before, after: after)
                let image = Image(decorative: after, scale: 1)
                ShareLink(item: image, preview: SharePreview("Restored", image: image))
            }
            if model.busy { ProgressView() }
            if let message = model.message { Text(message) }
            PhotosPicker("Choose a photo", selection: $chosen, matching: .images).padding()
        }
        .onChange(of: chosen) { _, item in
            Task { await model.restore(try? await item?.loadTransferable(type: Data.self)) }
        }
    }
}
