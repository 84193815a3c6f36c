package countersign

// mountAWS mounts what AWS clients call.
func (s *Server) mountAWS() error { return nil }
