"""What chats show that can show more than lines: boards, pushes, people's own pages."""
