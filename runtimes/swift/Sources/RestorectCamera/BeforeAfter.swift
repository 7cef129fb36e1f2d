import SwiftUI

/// Two pictures of the same scene, one over the other, with a divider that a finger moves.
public struct BeforeAfter: View {
    private let before: CGImage
    private let after: CGImage
    /// Share of the width that shows the first.
    @State private var share = 0.0

    public init(before: CGImage, after: CGImage) {
        self.before = before
        self.after = after
    }

    public var body: some View {
        Image(decorative: after, scale: 1).resizable().scaledToFit().overlay {
            GeometryReader { space in
                Image(decorative: before, scale: 1).resizable()
                    .mask(alignment: .leading) {
                        Rectangle().frame(width: space.size.width * share)
                    }
                    .contentShape(Rectangle())
                    .gesture(
                        DragGesture(minimumDistance: 0).onChanged { drag in
                            share = min(max(drag.location.x / space.size.width, 0), 1)
                        }
                    )
            }
        }
        .accessibilityLabel("Restored picture")
        .accessibilityHint("Drag to the right to see the original")
    }
}
