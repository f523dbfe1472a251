/** Records of one segment of the search index. */
export const SEGMENT_SIZE = 1024
